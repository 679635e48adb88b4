from tests.backups.places import places

__all__ = ["places"]
