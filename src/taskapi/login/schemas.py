from typing import Annotated

from pydantic import Field

from taskapi.parsing import Body, Prose


class Credentials(Body):
    email: Annotated[Prose, Field(max_length=320)]
    # A password is never trimmed or normalised: it is what was typed.
    password: Annotated[Prose, Field(max_length=1024)]
    use_cookie: bool = False
