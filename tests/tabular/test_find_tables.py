"""Tables are looked for in the given folder, then the environment's, then the embedded one."""

from __future__ import annotations

import pytest

from nasbench_sim.errors import UserError
from nasbench_sim.tabular import embedded, find


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Three folders: given, environment, embedded."""
    folders = [tmp_path / name for name in ("given", "environment", "embedded")]
    for folder in folders:
        (folder / "timings").mkdir(parents=True)
    monkeypatch.setenv("NASBENCH_SIM_TABLES", str(folders[1]))
    monkeypatch.setattr("nasbench_sim.tabular.locate.embedded", lambda: folders[2])
    return folders


def put(folder, *names):
    for name in names:
        (folder / f"{name}.h5").touch()


def test_order(places):
    given, environment, inside = places
    put(inside, "nasbench201")
    assert find("nasbench201", given) == inside / "nasbench201.h5"
    put(environment, "nasbench201")
    assert find("nasbench201", given) == environment / "nasbench201.h5"
    put(given, "nasbench201")
    assert find("nasbench201", given) == given / "nasbench201.h5"
    assert find("nasbench201", str(given)) == given / "nasbench201.h5"
    assert find("nasbench201") == environment / "nasbench201.h5"


def test_timings_lie_one_folder_deeper(places):
    put(places[2] / "timings", "nasbench101-gpu")
    assert find("timings/nasbench101-gpu") == places[2] / "timings" / "nasbench101-gpu.h5"


def test_not_found_names_neighbours_and_places(places):
    put(places[0], "nasbench201")
    put(places[2], "nasbench101", "hpolib")
    with pytest.raises(UserError, match="no table 'nasbench202' in ") as caught:
        find("nasbench202", places[0])
    message = str(caught.value)
    assert all(str(place) in message for place in places)
    assert "did you mean nasbench201 or nasbench101?" in message
    assert "hpolib" not in message


def test_nothing_near_lists_what_there_is(places):
    put(places[2], "nasbench101", "hpolib")
    with pytest.raises(UserError, match=r"did you mean hpolib or nasbench101[?]$"):
        find("zzz")
    (places[2] / "hpolib.h5").unlink()
    (places[2] / "nasbench101.h5").unlink()
    with pytest.raises(UserError, match=r"embedded$"):
        find("zzz")


@pytest.mark.parametrize("name", ["", "../secret", "/etc/passwd", "a/b/c", ".hidden", "a b", "..", "timings/../x"])
def test_a_name_is_no_path(places, name):
    with pytest.raises(UserError, match="not a table's name"):
        find(name)


def test_a_named_folder_must_be_there(places, monkeypatch):
    with pytest.raises(UserError, match=r"--tables names the folder .*nowhere, which does not exist"):
        find("nasbench201", places[0] / "nowhere")
    monkeypatch.setenv("NASBENCH_SIM_TABLES", str(places[0] / "gone"))
    with pytest.raises(UserError, match="NASBENCH_SIM_TABLES names the folder"):
        find("nasbench201")
    monkeypatch.setenv("NASBENCH_SIM_TABLES", "")
    put(places[2], "nasbench201")
    assert find("nasbench201") == places[2] / "nasbench201.h5"


def test_embedded_in_a_checkout_or_a_wheel(tmp_path, monkeypatch):
    package = tmp_path / "site" / "nasbench_sim"
    (package / "tabular").mkdir(parents=True)
    monkeypatch.setattr("nasbench_sim.tabular.locate.__file__", str(package / "tabular" / "locate.py"))
    assert embedded() == tmp_path / "site" / "tables"
    (package / "_tables").mkdir()
    assert embedded() == package / "_tables"
