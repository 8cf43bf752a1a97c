"""What the lint tests share: the files of the project, and how findings are told."""
import pathlib
import sys


def root():
    """The project's directory: the first argument, or two levels up."""
    here = pathlib.Path(__file__).resolve().parents[2]
    return pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else here


def files(top, folders, suffixes):
    """Every file under the folders with one of the suffixes, sorted; what is made wrong on purpose
    counts only where it is the project itself."""
    wrong = pathlib.Path(__file__).resolve().parent / "wrong"
    found = []
    for folder in folders:
        for path in sorted((top / folder).rglob("*")):
            if path.is_file() and path.name.endswith(tuple(suffixes)):
                if top == wrong or wrong not in path.parents:
                    found.append(path)
    return found


def report(findings, looked_at):
    """Ends the process: 1 if there are findings, or if nothing was looked at."""
    for finding in findings:
        print(finding)
    print(f"{looked_at} files, {len(findings)} findings")
    sys.exit(1 if findings or looked_at == 0 else 0)
