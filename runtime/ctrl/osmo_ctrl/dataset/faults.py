"""What can be wrong with a dataset, as far as it is not the storage's fault."""

from enum import Enum


class Fault(Enum):
    MISSING = "missing"  # no such dataset, version, tag or file
    DELETED = "deleted"
    DAMAGED = "damaged"  # what lies in the bucket is not what we wrote
    INVALID = "invalid"  # a name, path, expression or metadata that cannot be
    UNSAFE = "unsafe"  # the store overwrites where it was asked to create


class DatasetError(Exception):
    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
