from studio.domain.provenance import Difference, Provenance, UsedModel, differences, untold

NOW = Provenance(
    studio="0.2.0",
    libraries={"torch": "2.9.1", "diffusers": "0.36.0"},
    device="CPU (2 threads)",
    kernels="AVX512",
    dtype="float32",
    models=(UsedModel("checkpoint", "picturebook", "ab" * 32), UsedModel("vae", "fine", "cd" * 32)),
)


def changed(**fields) -> Provenance:
    return Provenance(**vars(NOW) | fields)


def test_what_is_written_is_read_again_and_nothing_of_others():
    assert Provenance.read(NOW.json()) == NOW
    assert Provenance.read(changed(libraries=dict(reversed(NOW.libraries.items()))).json()) == NOW
    for strange in ("", "[]", "{", '{"models": [1]}', '{"device": 3}', '{"libraries": []}'):
        assert Provenance.read(strange) is None, strange


def test_differences_name_what_is_other_and_nothing_else():
    assert differences(NOW, NOW) == []
    then = changed(device="NVIDIA H100", libraries={"torch": "2.8.0", "diffusers": "0.36.0"})
    assert differences(then, NOW) == [
        Difference("device", "NVIDIA H100", "CPU (2 threads)"),
        Difference("torch", "2.8.0", "2.9.1"),
    ]


def test_a_model_is_its_content_and_ten_digits_are_enough():
    short = UsedModel("checkpoint", "picturebook", "ab" * 5)
    other = UsedModel("checkpoint", "picturebook", "ef" * 32)
    assert differences(changed(models=(short, NOW.models[1])), NOW) == []
    assert differences(changed(models=(other, NOW.models[1])), NOW) == [
        Difference("checkpoint", f"picturebook [{'ef' * 5}]", f"picturebook [{'ab' * 5}]")
    ]
    renamed = UsedModel("checkpoint", "book of pictures", "ab" * 32)
    assert differences(changed(models=(renamed, NOW.models[1])), NOW) == []


def test_a_model_that_is_there_but_once_is_a_difference():
    alone = changed(models=NOW.models[:1])
    vae = f"fine [{'cd' * 5}]"
    assert differences(alone, NOW) == [Difference("vae", "", vae)]
    assert differences(NOW, alone) == [Difference("vae", vae, "")]


def test_an_older_file_is_no_difference_and_what_it_lacks_is_told():
    old = Provenance(studio="0.2.0", models=(UsedModel("checkpoint", "picturebook", None),))
    assert differences(old, NOW) == []
    assert untold(old, NOW) == [
        *("device", "kernels", "dtype", "torch", "diffusers"),
        *("the hash of picturebook", "the hash of fine"),
    ]
    assert untold(NOW, NOW) == []
