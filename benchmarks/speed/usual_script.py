"""The usual script: Generative Replay by torchvision's Dataset, transforms, and a DataLoader.

One seed, from the start of the process to the figure:

    python benchmarks/speed/usual_script.py --data FOLDER --out auroc.png
"""

import argparse
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
from plain_loop import PlainVAE
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms


def scores(model: PlainVAE, loader: DataLoader) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared error of every test image at the posterior mean, and its label."""
    model.eval()
    errors, labels = [], []
    with torch.no_grad():
        for x, y in loader:
            x = x.flatten(1)
            mean, _ = model.encoder(x).chunk(2, 1)
            errors.append((model.decoder(mean).sigmoid() - x).square().mean(1).numpy())
            labels.append(y.numpy())
    return np.concatenate(errors), np.concatenate(labels)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--latent", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--tasks", type=int, default=9)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(0)
    transform = transforms.ToTensor()
    train = datasets.MNIST(args.data, train=True, transform=transform)
    test = datasets.MNIST(args.data, train=False, transform=transform)
    test_loader = DataLoader(test, batch_size=256, num_workers=args.workers)
    model = PlainVAE(784, args.latent)
    previous, aurocs = None, []
    for task in range(1, args.tasks + 1):
        subset = Subset(train, torch.where(train.targets == task)[0].tolist())
        loader = DataLoader(subset, args.batch_size, shuffle=True, num_workers=args.workers)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(args.epochs):
            model.train()
            for x, _ in loader:
                x = x.flatten(1)
                if previous is not None:
                    with torch.no_grad():
                        replayed = previous(torch.randn(len(x), args.latent)).sigmoid()
                    x = torch.cat([x, replayed])
                loss = model.loss(x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        previous = copy.deepcopy(model.decoder)
        errors, labels = scores(model, test_loader)
        seen = labels <= task
        aurocs.append(roc_auc_score(labels[seen] == 0, errors[seen]))
        print(f"task {task}: AUROC {aurocs[-1]:.3f}", flush=True)

    plt.plot(range(1, args.tasks + 1), aurocs)
    plt.xlabel("task")
    plt.ylabel("AUROC")
    plt.savefig(args.out)


if __name__ == "__main__":
    main()
