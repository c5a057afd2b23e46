"""A PyTorch network as an engineer may bring it; run as python make_torch.py FOLDER for its files."""

import sys
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    """A convolution over windows of 150 frames of 40 coefficients, and a mean of what it finds."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(40, 8, 5)
        self.logits = nn.Linear(8, 4)

    def forward(self, windows):
        return self.logits(torch.relu(self.convolution(windows.transpose(1, 2))).mean(-1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(40, 4, batch_first=True)

    def forward(self, windows):
        return self.lstm(windows)[0][:, -1]


def five():
    net = Net()
    net.logits = nn.Linear(8, 5)
    return net


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.manual_seed(0)
    net = Net().eval()
    torch.save(net.state_dict(), folder / "weights.pt")
    torch.export.save(torch.export.export(net, (torch.zeros(1, 150, 40),)), folder / "net.pt2")
    (folder / "truncated.pt2").write_bytes((folder / "net.pt2").read_bytes()[:2000])
