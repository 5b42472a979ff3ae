"""Every write, sync, rename and lock of the program goes through here.

So that one place holds the rules (write beside, sync, check, swap, sync the folder) and tests can
make call n fail or record what is durable: `disk()` is the seam, which `using_disk` replaces.
"""

from crackcore.storage.disk import Disk, as_problem, disk, using_disk
from crackcore.storage.files import (
    FolderNotSynced,
    beside,
    beside_numbered,
    file_digest,
    put_in_place,
    remove_stale,
    staged,
    temporary_name,
    write_all,
    write_durably,
)
from crackcore.storage.folders import folder_beside, make_folder, new_folder, remove_tree, write_new
from crackcore.storage.locks import Lock, is_at, lock_file

__all__ = [
    "Disk",
    "FolderNotSynced",
    "Lock",
    "as_problem",
    "beside",
    "beside_numbered",
    "disk",
    "file_digest",
    "folder_beside",
    "is_at",
    "lock_file",
    "make_folder",
    "new_folder",
    "put_in_place",
    "remove_stale",
    "remove_tree",
    "staged",
    "temporary_name",
    "using_disk",
    "write_all",
    "write_durably",
    "write_new",
]
