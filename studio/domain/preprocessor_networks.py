"""The preprocessors that are networks, with the weights that they load."""

from __future__ import annotations

from studio.domain.preprocessor_spec import PreprocessorSpec, Setting, WeightFile, Weights

_ANNOTATORS = "lllyasviel/Annotators"
_NOT_COMMERCIAL = "OpenPose may be used for non-commercial purposes only (licence of CMU)."

_HED = WeightFile("ControlNetHED.pth", 29_444_406)
_PIDINET = WeightFile("table5_pidinet.pth", 2_871_148)
_BODY = WeightFile(
    "body_pose_model.pth",
    209_267_595,
    "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
)
_HAND = WeightFile(
    "hand_pose_model.pth",
    147_341_049,
    "b76b00d1750901abd07b9f9d8c98cc3385b8fe834a26d4b4f0aad439e75fc600",
)
_FACE = WeightFile(
    "facenet.pth",
    153_718_792,
    "8beb52e548624ffcc4aed12af7aee7dcbfaeea420c75609fee999fe7add79d43",
)


def _annotator(*files: WeightFile, terms: str = "") -> Weights:
    return Weights(_ANNOTATORS, files, terms=terms)


def _transformers(repo: str, *files: WeightFile) -> Weights:
    return Weights(repo, files, folder=repo.partition("/")[2])


def _openpose(name: str, title: str, what: str, *more: WeightFile) -> PreprocessorSpec:
    return PreprocessorSpec(
        name,
        title,
        ("openpose",),
        f"The poses of people as coloured bones: {what}.",
        weights=_annotator(_BODY, *more, terms=_NOT_COMMERCIAL),
        nearest=True,
    )


WITH_WEIGHTS = (
    PreprocessorSpec(
        "depth_anything_v2",
        "Depth Anything V2 (small)",
        ("depth",),
        "How near things are: light is near (Yang 2024).",
        weights=_transformers(
            "depth-anything/Depth-Anything-V2-Small-hf",
            WeightFile("config.json", 950),
            WeightFile(
                "model.safetensors",
                99_173_660,
                "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
            ),
        ),
    ),
    PreprocessorSpec(
        "depth_anything",
        "Depth Anything (small)",
        ("depth",),
        "How near things are: light is near (Yang 2024, the first version).",
        weights=_transformers(
            "LiheYoung/depth-anything-small-hf",
            WeightFile("config.json", 950),
            WeightFile("model.safetensors", 99_173_660),
        ),
    ),
    PreprocessorSpec(
        "depth_midas",
        "Depth (MiDaS)",
        ("depth",),
        "How near things are: light is near (DPT hybrid, Ranftl 2021).",
        weights=_annotator(WeightFile("dpt_hybrid-midas-501f0c75.pt", 492_757_791)),
    ),
    PreprocessorSpec(
        "normal_bae",
        "Normals (BAE)",
        ("normal",),
        "Which way surfaces face, as colours (Bae 2021).",
        weights=_annotator(
            WeightFile(
                "scannet.pt",
                291_000_000,
                "03dbf1600c51ee3d45c29f77b77bf1a3b7a24c3452dba62a4ae658f37330c209",
            )
        ),
    ),
    _openpose("openpose", "OpenPose (body)", "bodies"),
    _openpose("openpose_hand", "OpenPose (body, hands)", "bodies and hands", _HAND),
    _openpose("openpose_face", "OpenPose (body, face)", "bodies and faces", _FACE),
    _openpose("openpose_faceonly", "OpenPose (face only)", "faces alone", _FACE),
    _openpose("openpose_full", "OpenPose (full)", "bodies, hands and faces", _HAND, _FACE),
    PreprocessorSpec(
        "mlsd",
        "Straight lines (M-LSD)",
        ("mlsd",),
        "Straight lines, as of buildings and rooms (Gu 2021).",
        (
            Setting(
                "value_threshold",
                "Value threshold",
                0.01,
                2.0,
                0.1,
                0.01,
                "Higher gives fewer, surer lines.",
            ),
            Setting(
                "distance_threshold",
                "Distance threshold",
                0.01,
                20.0,
                0.1,
                0.01,
                "Shorter lines do not count, in pixels.",
            ),
        ),
        weights=_annotator(WeightFile("mlsd_large_512_fp32.pth", 6_341_481)),
        nearest=True,
    ),
    PreprocessorSpec(
        "softedge_pidinet",
        "Soft edge (PiDiNet)",
        ("softedge",),
        "Edges of varied strength (Su 2021).",
        weights=_annotator(_PIDINET),
    ),
    PreprocessorSpec(
        "softedge_pidisafe",
        "Soft edge (PiDiNet, safe)",
        ("softedge",),
        "The same in few steps, so that nothing of the picture can hide in the map.",
        weights=_annotator(_PIDINET),
    ),
    PreprocessorSpec(
        "softedge_hed",
        "Soft edge (HED)",
        ("softedge",),
        "Soft edges of objects (Xie 2015).",
        weights=_annotator(_HED),
    ),
    PreprocessorSpec(
        "softedge_hedsafe",
        "Soft edge (HED, safe)",
        ("softedge",),
        "The same in few steps, so that nothing of the picture can hide in the map.",
        weights=_annotator(_HED),
    ),
    PreprocessorSpec(
        "scribble_hed",
        "Scribble (HED)",
        ("scribble",),
        "Few thick strokes along the edges of objects.",
        weights=_annotator(_HED),
        nearest=True,
    ),
    PreprocessorSpec(
        "scribble_pidinet",
        "Scribble (PiDiNet)",
        ("scribble",),
        "Thick strokes along the edges.",
        weights=_annotator(_PIDINET),
        nearest=True,
    ),
    PreprocessorSpec(
        "lineart_realistic",
        "Line art (realistic)",
        ("lineart",),
        "Fine lines as of a drawing (Chan 2022).",
        weights=_annotator(
            WeightFile(
                "sk_model.pth",
                17_173_511,
                "c686ced2a666b4850b4bb6ccf0748031c3eda9f822de73a34b8979970d90f0c6",
            )
        ),
    ),
    PreprocessorSpec(
        "lineart_coarse",
        "Line art (coarse)",
        ("lineart",),
        "Broader, simpler lines (Chan 2022).",
        weights=_annotator(
            WeightFile(
                "sk_model2.pth",
                17_173_511,
                "30a534781061f34e83bb9406b4335da4ff2616c95d22a585c1245aa8363e74e0",
            )
        ),
    ),
    PreprocessorSpec(
        "lineart_anime",
        "Line art (anime)",
        ("lineart",),
        "Lines as of an anime drawing.",
        weights=_annotator(WeightFile("netG.pth", 217_700_000)),
    ),
    PreprocessorSpec(
        "seg_ade20k",
        "Segmentation (UperNet, ADE20K)",
        ("segmentation",),
        "What each pixel shows, in the colours of the 150 classes of ADE20K (Xiao 2018).",
        weights=_transformers(
            "openmmlab/upernet-convnext-small",
            WeightFile("config.json", 8_760),
            WeightFile("pytorch_model.bin", 328_000_000),
        ),
        nearest=True,
    ),
)
