"""What a long evaluation has found so far, kept in a file, so that it can be stopped and go on."""

import json
from pathlib import Path


class Journal:
    """Figures and marks by name, each appended to the file `path` as soon as it is known.

    `settings`, a dictionary of what the figures depend on, stands in the first line: a file that
    was begun with others is refused. Without a `path` nothing is kept.
    """

    def __init__(self, path, settings):
        self._path = Path(path) if path else None
        self._figures, self._marks = {}, {}
        if self._path is None:
            return
        lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        entries = [entry for entry in map(_entry, lines) if entry is not None]
        if not entries:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps({"settings": settings}) + "\n", "utf-8")
            return
        begun = entries[0].get("settings", {})
        other = sorted(k for k in {*begun, *settings} if begun.get(k) != settings.get(k))
        if other:
            raise SystemExit(
                f"{self._path} was begun with other settings ({', '.join(other)}): name another "
                "file, or delete it to begin anew"
            )
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n")  # the last line may have been cut short
        for entry in entries[1:]:
            if "figure" in entry:
                self._figures[entry["figure"]] = entry["value"]
            else:
                self._marks.setdefault(entry["line"], {})[entry["number"]] = entry["marks"]

    def figure(self, name, find):
        """The figure `name`, found by calling `find` unless it is known."""
        if name not in self._figures:
            self._figures[name] = find()
            self._append([{"figure": name, "value": self._figures[name]}])
        return self._figures[name]

    def marks(self, line):
        """{number of the prompt: marks} of a line, as far as they are known."""
        return self._marks.setdefault(line, {})

    def add(self, line, marks):
        """Keep `marks`, {number of the prompt: marks}, of a line."""
        self.marks(line).update(marks)
        self._append({"line": line, "number": k, "marks": mark} for k, mark in marks.items())

    def _append(self, entries):
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(entry) + "\n" for entry in entries)


def _entry(line):
    """What a line says; None for one that was cut short when the evaluation was stopped."""
    try:
        return json.loads(line)
    except ValueError:
        return None
