"""For WSGI servers: `gunicorn -w 4 -b 0.0.0.0:5000 app:app`, with PostgreSQL and Redis."""

from taskapi.server import wsgi_app

app = wsgi_app()
