"""What the conversion says of networks that do not fit: a JSON object from name to sentence, or null.

Run in a process of its own, one for all of them: python refusals.py FOLDER NAME...
"""

import json
import sys
from pathlib import Path

from make_networks import CLASSES, SHAPE

from convert.tensorflow_worker import load
from edge.errors import ConversionError


def refusal(path, outputs=CLASSES):
    try:
        load(path, SHAPE, outputs)
    except ConversionError as error:
        return str(error)
    return None


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    said = {name: refusal(folder / f"{name}.keras") for name in sys.argv[2:]}
    said["no_distress_output"] = refusal(folder / "conv1d.keras", CLASSES + 1)
    print(json.dumps(said))
