"""The base of all tests: loading the files, and what every kind is asked."""

import pathlib
import unittest

import world as w


class Case(unittest.TestCase):
    """A test of one kind with Microsoft's client."""

    @property
    def ml(self):
        return w.world().ml

    def load(self, loader, file, /, **overrides):
        """Load a file as `az ml ... create --file` does, with other values for some fields."""
        return loader(str(w.FILES / file), params_override=[{k: v} for k, v in overrides.items()])

    def create(self, operations, entity):
        """Create and return what the client makes of the answer, after the operation if there is one."""
        begin = getattr(operations, "begin_create_or_update", None)
        if begin is None:
            return operations.create_or_update(entity)
        return begin(entity).result()

    def names(self, listed):
        return sorted(item.name for item in listed)

    def refused(self, call, *texts, error=None):
        """A call must be refused, and the error must hold the texts."""
        from azure.core.exceptions import AzureError

        with self.assertRaises(error or AzureError) as caught:
            call()
        for text in texts:
            self.assertIn(text, str(caught.exception))
        return caught.exception

    def absent(self, call):
        """A call must find nothing."""
        from azure.core.exceptions import ResourceNotFoundError

        return self.refused(call, error=ResourceNotFoundError)


def folder(name, files):
    """A folder of the run with these files in it, for content that a test changes."""
    root = pathlib.Path(w.world().root) / "work" / name
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root
