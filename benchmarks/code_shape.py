"""How Python packages are written: lengths, types, docstrings and names, side by side.

    python benchmarks/code_shape.py src/fractura
    python benchmarks/code_shape.py src/fractura path/to/another/package ...

Public is what neither its own name nor a module or class around it marks as private by an
underscore. Lengths are lines of the file from the first to the last line of the definition.
"""

from __future__ import annotations

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass
class Shape:
    """What was counted in one package."""

    modules: int = 0
    longest_file: int = 0
    lengths: list[int] = field(default_factory=list)
    arguments: int = 0
    typed: int = 0
    public: int = 0
    documented: int = 0
    undocumented: list[str] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)

    def row(self) -> tuple[str, ...]:
        twice = sum(count > 1 for count in self.classes.values())
        return (
            f"{self.modules}",
            f"{mean(self.lengths):.1f}",
            f"{median(self.lengths):.0f}",
            f"{self.longest_file}",
            f"{self.typed / max(self.arguments, 1):.2f}",
            f"{self.documented / max(self.public, 1):.3f}",
            f"{twice}",
        )


HEAD = ("modules", "mean lines", "median", "longest file", "typed", "docstrings", "names twice")


def shape(package: Path) -> Shape:
    """Count one package; files that are no Python of this version are left out."""
    found = Shape()
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        parts = path.relative_to(package).with_suffix("").parts
        private = any(_private(part) for part in parts if part != "__init__")
        found.modules += 1
        found.longest_file = max(found.longest_file, text.count("\n"))
        if not private:
            _document(found, tree, "/".join(parts))
        for definition, inside_private, name in _definitions(tree, private, "/".join(parts)):
            _count(found, definition, inside_private, name)
    return found


def _definitions(
    node: ast.AST, private: bool, place: str
) -> Iterator[tuple[Definition, bool, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            hidden = private or _private(child.name)
            yield child, hidden, f"{place}:{child.name}"
            # What is defined inside a function can be called by nobody else.
            within = hidden or isinstance(child, Function)
            yield from _definitions(child, within, f"{place}:{child.name}")
        else:
            yield from _definitions(child, private, place)


def _count(found: Shape, definition: Definition, private: bool, name: str) -> None:
    if isinstance(definition, ast.ClassDef):
        if not private:
            found.classes[definition.name] += 1
    else:
        found.lengths.append((definition.end_lineno or 0) - definition.lineno + 1)
        given = definition.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            if argument.arg not in ("self", "cls"):
                found.arguments += 1
                found.typed += argument.annotation is not None
    overloaded = any("overload" in ast.unparse(one) for one in definition.decorator_list)
    if not private and not overloaded:
        _document(found, definition, name)


def _document(found: Shape, node: ast.Module | Definition, name: str) -> None:
    found.public += 1
    if ast.get_docstring(node):
        found.documented += 1
    else:
        found.undocumented.append(name)


def _private(name: str) -> bool:
    return name.startswith("_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("packages", type=Path, nargs="+")
    parser.add_argument("--missing", action="store_true", help="List what has no docstring.")
    options = parser.parse_args()
    rows = [("package", *HEAD)]
    for package in options.packages:
        found = shape(package)
        rows.append((package.name, *found.row()))
        if options.missing:
            print("\n".join(found.undocumented))
            print("twice:", *(name for name, count in found.classes.items() if count > 1))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
