"""The statements of this feature, built once."""

from sqlalchemy import insert

from taskapi.audit.models import AuditEntry

REMEMBER = insert(AuditEntry)
