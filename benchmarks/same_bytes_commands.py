"""The command lines that `same_bytes.py` runs, by name."""

from itertools import product

STRATEGIES = (
    "lower upper joint l2 ewc ewc-offline si mas lwf vcl replay der agem gr gr-distill "
    "gr-conditional gr-evt"
).split()
AVALANCHE = {
    "avalanche EWC": "avalanche:EWC --strategy.ewc-lambda 500",
    "avalanche Replay": "avalanche:Replay",
}
GENERATE, OTHERS = (
    "vae conv-vae flow diffusion".split(),
    "ae denoising-ae sparse-ae conv-ae".split(),
)
OF_EACH_TASK = ("gaussians", "experts")
OF_CODES = "mahalanobis,mahalanobis-log-margin,mahalanobis-auto-margin,mahalanobis-softmin"
OF_VAE = f"recon-prob,iwae,sap,nap,likelihood-regret,mahalanobis-background,{OF_CODES}"
RULES = "least,log-margin,auto-margin,softmin,background"

DIGITS = "--dataset digits --task-order 3,1,2 --epochs 1 --seeds 2"
RANDOM = "--dataset digits --task-order random --classes-per-task 3 --epochs 1 --seeds 3"
FULL = "--dataset digits --task-order random --epochs 5 --seeds 3"
LABELLED = "--label-column state --anomaly-class broken --task-order random --epochs 2 --seeds 3"
TABLE = f"--dataset table.csv {LABELLED}"
CONCEPTS = "--dataset concepts:concepts.npz --epochs 2"
AGNOSTIC = "--stream concept-agnostic --portion 60"


def _of_strategies() -> dict[str, str]:
    runs = {}
    for name, flags in {**{name: name for name in STRATEGIES}, **AVALANCHE}.items():
        if name in AVALANCHE:  # takes values from 0 to 1, and sets no thresholds
            runs[f"{name} on a table"] = f"--strategy {flags} --dataset unit.csv {LABELLED}"
        else:
            runs[f"{name} on a table"] = f"--strategy {flags} {TABLE} --calibration 0.2"
        runs[f"{name} on digits"] = f"--strategy {flags} {DIGITS}"
    for name in ("gr", "gr-distill", "gr-conditional", "gr-evt", "replay"):
        flags = f"--strategy {name} --strategy.ratio 1 {RANDOM} --calibration 0.2"
        runs[f"{name} with a ratio"] = flags
    for name in ("replay", "der", "agem"):
        flags = f"--strategy {name} --strategy.memory-bytes 5000 {RANDOM}"
        runs[f"{name} of so many bytes"] = flags
    runs["ewc that forgets"] = f"--strategy ewc --strategy.decay 0.5 {RANDOM}"
    runs["a strategy of a file"] = f"--strategy own.py:Own {DIGITS} --trust"
    for (name, flags), precision in product(
        [(name, name) for name in ("lower", "upper", "gr", "ewc")] + list(AVALANCHE.items()),
        ("float32", "bfloat16"),
    ):
        runs[f"{name} {precision}"] = f"--strategy {flags} {FULL} --precision {precision}"
    return runs


def _of_models() -> dict[str, str]:
    runs = {f"{model} replayed": f"--model {model} --strategy gr {DIGITS}" for model in GENERATE}
    for model in (*OTHERS, *GENERATE):
        runs[f"{model} held"] = f"--model {model} --strategy ewc {DIGITS}"
        if not model.startswith("conv"):
            runs[f"{model} on a table"] = f"--model {model} --strategy upper {TABLE}"
    for model, data in product(OF_EACH_TASK, (DIGITS, f"{TABLE} --calibration 0.2")):
        on = "digits" if data == DIGITS else "a table"
        flags = (
            f"--model {model} --strategy lower {data} --score {RULES.removesuffix(',background')}"
        )
        runs[f"{model} on {on}"] = flags
    gaussians = f"--model gaussians --strategy lower {DIGITS}"
    return runs | {
        "gaussians of components": f"{gaussians} --model.components 2 --model.rank 8",
        "gaussians of random features": f"{gaussians} --model.features random --score background",
        "gaussians joint": f"--model gaussians --strategy upper {DIGITS}",
        "experts of one model": f"--model experts --model.expert ae --strategy lower {RANDOM}",
        "experts of noise": f"--model experts --model.expert diffusion --strategy lower {DIGITS}",
        "vae of l1": f"--strategy gr --model.reconstruction l1 --model.beta 2 {DIGITS}",
        "vae of mse": f"--strategy gr --model.reconstruction mse --score recon {DIGITS}",
        "vae small": f"--strategy gr --model.latent-size 3 --model.hidden-sizes 20,10 {TABLE}",
        "vae of weighted features": f"--strategy gr --model.pixel-weights 1,2,3,1,1,1 {TABLE}",
    }


def _of_scores() -> dict[str, str]:
    return {
        "scores of vae": f"--strategy lower {DIGITS} --score {OF_VAE} --calibration 0.2",
        "scores of vae, past visible": f"--strategy upper {RANDOM} --score {OF_VAE}",
        "scores of conv-vae": f"--model conv-vae --strategy gr {DIGITS} --score nap,{OF_CODES}",
        "scores of ae": f"--model ae --strategy replay {DIGITS} --score sap,nap,{OF_CODES}",
        "scores of a table": f"--strategy gr {TABLE} --score {OF_VAE}",
        "scores of gaussians": f"--model gaussians --strategy lower {RANDOM} --score {RULES}",
    }


def _of_streams() -> dict[str, str]:
    clusters = f"{TABLE} --scenario clusters --concepts 3 --strategy gr"
    agnostic = f"{DIGITS} {AGNOSTIC}"
    aware = f"{CONCEPTS} --stream concept-aware --strategy lower"
    return {
        "all classes in turn": f"--strategy gr {RANDOM} --anomaly-class all",
        "some classes in turn": f"--strategy ewc {RANDOM} --anomaly-class 4,7",
        "joint": "--dataset digits --scenario joint --epochs 1 --anomaly-class 1,4",
        "one class": "--dataset digits --normal-class 1 --strategy lower --epochs 2 --seeds 2",
        "every class alone": "--dataset digits --normal-class all --epochs 1",
        "clusters": clusters,
        "clusters of anomalies": f"{clusters} --cluster-anomalies own --cluster-scaling all",
        "concepts": f"{CONCEPTS} --strategy gr --seeds 2",
        "concepts of gaussians": f"{aware} --model gaussians",
        "concepts of experts": f"{aware} --model experts",
        "portions": f"{agnostic} --strategy replay --strategy.ratio 1 --calibration 0.2",
        "portions of all": f"{agnostic} --strategy upper",
        "portions from scratch": f"{DIGITS} --stream concept-agnostic --strategy joint",
        "portions of der": f"{agnostic} --strategy der",
        "portions of agem on a table": f"{TABLE} {AGNOSTIC} --strategy agem",
        "portions of concepts": f"{CONCEPTS} {AGNOSTIC} --strategy lower",
        "blurred": f"--strategy gr {DIGITS} --blur 0.2",
        "steps": "--strategy gr --dataset digits --task-order 1,2,3 --steps 11 --batch-size 20",
        "weights of classes": f"--strategy gr {DIGITS} --class-weights 2=10,1=3",
        "held out": f"--strategy gr {DIGITS} --held-out 0.2",
        "gradient histograms": f"--strategy gr {DIGITS} --frozen-features hog",
        "random convolutions": f"--strategy gr {DIGITS} --frozen-features random",
        "arrays": "--dataset arrays.npz --anomaly-class broken --strategy gr --epochs 2",
        "images": "--dataset folder:images --image-size 12 --anomaly-class cat --epochs 2",
        "images of one class": "--dataset folder:mvtec --strategy lower --epochs 2",
        "mnist": "--dataset mnist --task-order 1,2 --steps 20 --seeds 2",
    }


RUNS = _of_strategies() | _of_models() | _of_scores() | _of_streams()

# A run that is killed is long enough to be met in the middle.
LONG = "--dataset digits --task-order 2,1,3,4 --epochs 60 --seeds 2"
KILLED = {name: f"--strategy {name} {LONG}" for name in ("gr", "ewc", "replay", "vcl")}

ENGINES = {
    "ray": "--engine ray --workers 2",
    "slurm": "--engine slurm --engine.cluster local --engine.pack 2",
}
COMPARED = "compare --dataset digits --task-order 1,2,3 --epochs 1 --seeds 2 --device cpu"
# Of several runs each; each has a folder for its results.
SEVERAL = {
    "compared": f"{COMPARED} --strategies upper,gr,avalanche:Naive,lower --workers 2",
    "suite": "bench chosen.toml --workers 1",
    "suite in parts": "bench small.toml --workers 2 --seeds-per-run 1",
}

# Of what is there already: what they print or write is numbers.
SCORED = {
    "score arrays": "score runs/gr-on-digits --input x.npy",
    "score by another seed": "score runs/gr-on-digits --input x.npy --seed 1",
    "score a table": "score runs/gr-on-a-table --input table.csv --ignore state --rate 0.01",
    "score by tasks": "score runs/gaussians-on-a-table --input table.csv --ignore state",
    "score images": "score runs/images --input images",
    "score a feed": "score runs/gr-on-digits --input x.jsonl",
    "score codes": "score runs/scores-of-ae --input x.npy",
}
# What they write is for reading: their exit status alone is compared.
SHOWN = [
    "--help",
    "--version",
    "run --help",
    "run --strategy avalanche:EWC --help",
    *(f"list {kind}" for kind in ("strategies", "models", "scores", "datasets", "suites")),
    "runs --out runs",
    "runs --out runs --json --where strategy=gr --sort auroc",
    *(
        f"plot runs/gr-on-a-table --kind {kind} --out picture-{kind}.svg"
        for kind in "auroc fpr losses matrix roc scores".split()
    ),
    *(
        f"plot runs/gr-on-digits --kind {kind} --out picture-{kind}.png"
        for kind in "latent reconstructions samples".split()
    ),
    "plot runs/gr-on-digits runs/lower-on-digits --labels Ours,Lower --out both.pdf",
    "report runs/gr-on-digits --out page.html",
    "export runs/gr-on-digits --to latex",
    "export compared/table --to csv --out table-of-runs.csv",
    "run --config runs/gr-on-digits/config.json --out runs --name gr-on-digits",
    "resume runs/gr-on-digits",
    "remove runs/mas-on-digits --yes",
]

SMALLEST = "--dataset digits --epochs 1 --task-order 1,2"
REFUSED = [
    "",
    "nosuch",
    "list",
    "list nosuch",
    *(
        f"run --out refused {flags}" + ("" if "dataset" in flags else " --dataset digits")
        for flags in (
            *("--epochs abc", "--epochs 0", "--epochs --quiet", "--quiet=3"),
            *("--epoch 3", "-e 3", "--strategy. 3", "digits", "--epochs 2 --steps 5"),
            *("--strategy lowr", "--strategy file.py", "--strategy nosuch.py:X"),
            *("--strategy nosuch:EWC", "--strategy avalanche:Nosuch", "--strategy broken.py:Own"),
            *("--strategy ewc --strategy.lamb 3", "--strategy lower --strategy.lam 3"),
            *("--strategy.ratio half", "--model nosuch", "--model.hidden-size 3"),
            *("--model.hidden-sizes a,b", "--model ae --strategy gr", "--score nap,nap"),
            *(
                "--model ae --score kl --strategy lower",
                "--model gaussians --strategy ewc",
                "--score nosuch",
            ),
            *("--dataset nosuch", "--dataset gone.csv", "--dataset folder:gone"),
            *("--dataset table.csv", "--dataset bad.csv --label-column state"),
            *("--dataset table.csv --label-column nosuch", "--image-size 8", "--held-out 2"),
            *("--anomaly-class zero", "--classes-per-task 0", "--task-order 3,12", "--blur 1"),
            *("--scenario stream", "--scenario joint --normal-class 1", "--class-weights 0=3"),
            *("--stream concept-aware", "--portion 3", "--seeds -1,2", "--learning-rate nan"),
            *("--device cuda:1", "--precision half", "--name a/b", "--engine nosuch"),
            *("--engine.nosuch 3", "--track nosuch", "--config gone.json", "--config bad.json"),
            *(
                "--stream concept-agnostic --strategy ewc",
                "--model conv-vae --dataset arrays.npz --anomaly-class broken",
            ),
        )
    ),
    f"{COMPARED} --strategies gr,lowr",
    f"{COMPARED} --strategies gr,gr",
    f"{COMPARED} --suite gone.toml",
    *(f"bench {suite}" for suite in ("", "nosuch", "gone.toml", "bad.toml", "option.toml")),
    "bench small.toml --only nosuch",
    "bench chosen.toml --dataset digits --anomaly-class 4 --estimate",
    "run --epochs",
    *("resume", "resume gone", "remove gone --yes", "remove runs/gr-on-digits"),
    *("runs --out gone", "runs --out runs --where nosuch", "runs --out runs --sort nosuch"),
    *(
        "plot",
        "plot gone",
        "plot runs/gr-on-digits --kind nosuch",
        "plot runs/gr-on-digits --out a.jpg",
    ),
    "plot runs/gr-on-digits --kind fpr",
    "plot runs/gr-on-digits --score nosuch",
    *("report gone", "export gone --to csv", "export runs/gr-on-digits --to word"),
    *("score runs/gr-on-digits", "score gone --input x.npy"),
    "score runs/gr-on-digits --input gone.npy",
    "score runs/gr-on-digits --input bad.jsonl",
    "score runs/gr-on-digits --input x.npy --seed 7",
    "score runs/gr-on-a-table --input table.csv --rate 0.2 --ignore state",
]
