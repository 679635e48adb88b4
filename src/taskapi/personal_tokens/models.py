from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id


class PersonalToken(Base):
    """A token a user made for scripts; only its digest is kept."""

    __tablename__ = "personal_tokens"
    __table_args__ = (Index("uq_personal_tokens_digest", "digest", unique=True),)

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # Separated by blanks, as in the claim of an access token.
    scopes: Mapped[str] = mapped_column(Text)
    # How the token begins, so that its owner knows it again.
    prefix: Mapped[str] = mapped_column(String(16))
    # SHA-256 in hexadecimal digits.
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
