"""What is known of models outlasts the process, and what was deleted can be brought back."""

import json

import pytest

from studio.catalog import index
from studio.catalog.catalog import Catalog
from studio.domain.errors import InvalidRequest, NotFound, SaveError
from studio.store.ledger import Ledger
from studio.store.models import ModelMemory, NotesRow
from tests.catalog import files
from tests.catalog.looking import names, with_embedded


def test_the_index_spares_the_second_look(folder, data_dir, monkeypatch):
    metadata = {"modelspec.title": "T", "modelspec.trigger_phrase": "a, b"}
    files.write(folder / "x.safetensors", files.lora(), metadata=metadata)
    files.write(folder / "y.safetensors", {"image_proj.weight": (1,)})
    first = Catalog([folder], data_dir)

    def refuse(path):
        raise AssertionError(f"{path} was opened again")

    monkeypatch.setattr(index, "probe", refuse)
    second = Catalog([folder], data_dir)
    assert second.refs() == first.refs() and second.refs("lora") == first.refs("lora")
    assert second.broken == first.broken and "IP-Adapter" in str(second.broken)


def test_an_index_with_wrong_entries_is_corrected(folder, data_dir):
    files.write(folder / "x.safetensors", files.lora())
    Catalog([folder], data_dir)
    for wrong in ("", "[1]", '{"family":"?"}', '{"odd":1}'):
        with Ledger(data_dir / "studio.db").writing() as connection:
            connection.execute("UPDATE model_files SET facts = ?", (wrong,))
        assert names(Catalog([folder], data_dir), "lora") == ["x"]


def test_what_earlier_versions_remembered_is_taken_over(folder, data_dir):
    path = files.write(folder / "x.safetensors", files.lora())
    status = path.stat()
    lies_at = data_dir / "trash" / "ab" / "y.safetensors"
    lies_at.parent.mkdir(parents=True)
    lies_at.write_bytes(path.read_bytes())
    entry = [status.st_size, status.st_mtime_ns, "12ab"]
    deleted = {"from": str(folder / "y.safetensors"), "to": str(lies_at), "deleted_s": 1e9}
    for name, content in {
        "models-index.json": {"files": {}},
        "models-hashes.json": {"files": {str(path): entry, "odd": 1}},
        "models.json": {"models": {str(path): {"sha256": "12ab", "notes": {"text": "mine"}}}},
        "trash.json": {"deleted": {"ab": deleted}},
    }.items():
        (data_dir / name).write_text(json.dumps({"version": 1} | content))
    catalog = Catalog([folder], data_dir)
    ref = catalog.find("x", "lora")
    assert (ref.notes.text, catalog.sha256(ref)) == ("mine", "12ab")
    assert catalog.trash.restore("ab") == folder / "y.safetensors"
    assert not list(data_dir.glob("*.json")), "once"
    (data_dir / "models.json").write_text("{")
    assert Catalog([folder], data_dir).find("x", "lora").notes.text == "mine"


def test_a_data_folder_that_cannot_be_written_is_not_fatal(folder, tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert names(Catalog([folder], tmp_path / "file")) == ["dreams"]


def test_the_cache_names_no_file_below_a_folder_that_is_gone(folder, data_dir):
    path = files.write(folder / "x.safetensors", files.lora())
    Catalog([folder], data_dir)
    Catalog([], data_dir)
    memory = ModelMemory(Ledger(data_dir / "studio.db"))
    assert str(path) in memory.facts(index.VERSION), "another start may look there again"
    path.unlink()
    Catalog([folder], data_dir)
    assert str(path) not in memory.facts(index.VERSION)


def test_what_could_not_be_found_again_is_not_done(folder, data_dir):
    path = files.write(folder / "x.safetensors", files.lora())
    data_dir.mkdir()
    (data_dir / "studio.db").write_bytes(b"what is this?")
    catalog = with_embedded(folder, data_dir=data_dir)
    ref = catalog.find("x", "lora")
    with pytest.raises(SaveError, match="move it away"):
        catalog.set_notes(ref, text="mine")
    with pytest.raises(SaveError, match="move it away"):
        catalog.delete(ref)
    assert path.exists() and not list((data_dir / "trash").iterdir())


def test_deleted_models_can_be_restored(folder, data_dir):
    path = files.write(folder / "x.safetensors", files.lora())
    catalog = with_embedded(folder, data_dir=data_dir)
    for kind, name in (("lora", "x"), ("checkpoint", "dreams")):
        ref = catalog.find(name, kind)
        trashed = catalog.delete(ref)
        assert trashed.exists() and trashed.is_relative_to(data_dir / "trash")
        assert name not in names(catalog, kind) and not ref.path.exists()
        with pytest.raises(NotFound):
            catalog.delete(ref)
        assert catalog.restore(trashed) == ref.path
        assert catalog.find(name, kind).path == ref.path
        with pytest.raises(NotFound):
            catalog.restore(trashed)
    trashed = catalog.delete(catalog.find("x", "lora"))
    files.write(path, files.lora())
    with pytest.raises(InvalidRequest, match="exists again"):
        catalog.restore(trashed)


def test_the_embedded_model_is_not_deleted(folder):
    catalog = with_embedded(folder)
    with pytest.raises(InvalidRequest, match="comes with the studio"):
        catalog.delete(catalog.find("picturebook"))


def test_what_was_deleted_long_ago_is_erased(folder, data_dir):
    files.write(folder / "x.safetensors", files.lora())
    catalog = with_embedded(folder, data_dir=data_dir)
    trashed = catalog.delete(catalog.find("x", "lora"))
    catalog.trash.erase_old(days=1)
    assert trashed.exists()
    catalog.trash.erase_old(days=0)
    assert not trashed.parent.exists() and catalog.trash.ids() == {}


def test_notes_of_two_studios_on_one_data_folder_are_all_kept(folder, data_dir):
    for name in "abcde":
        files.write(folder / f"{name}.safetensors", files.lora())
    one, two = Catalog([folder], data_dir), Catalog([folder], data_dir)
    for name, catalog in zip("abcde", (one, two, one, two, one), strict=True):
        catalog.set_notes(catalog.find(name, "lora"), text=f"of {name}")
    again = Catalog([folder], data_dir)
    assert [again.find(name, "lora").notes.text for name in "abcde"] == [
        f"of {name}" for name in "abcde"
    ]


def test_a_note_that_cannot_be_any_more_takes_no_other_with_it(folder, data_dir):
    catalog = Catalog([folder], data_dir)
    catalog.set_notes(catalog.find("dreams"), text="mine", steps=30)
    memory = ModelMemory(Ledger(data_dir / "studio.db"))
    [(path, row)] = memory.notes().items()
    odd = row.notes | {"scheduler": "one that is gone", "width": 65}
    memory.note(path, NotesRow(row.sha256, odd))
    notes = Catalog([folder], data_dir).find("dreams").notes
    assert (notes.text, notes.steps, notes.scheduler, notes.width) == ("mine", 30, None, None)
