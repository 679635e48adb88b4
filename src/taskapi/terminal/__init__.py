"""A client for the terminal: your tasks on a server, over HTTP, with a personal token.

It imports nothing of the service, so that it starts at once and works where only a server's address is known.
"""
