"""The networks of make_networks.py and what must come of each."""

from typing import NamedTuple


class Specimen(NamedTuple):
    """A network, how it is shrunk, and the words of its refusal; None where it must be accepted."""

    network: str
    refusal: str | None = None
    scheme: str = "int8"
    outputs: int = 4
    fine_tune: int = 0

    @property
    def folder(self):
        """The name of the folder in which it is shrunk."""
        tuned = f"-{self.fine_tune}" if self.fine_tune else ""
        return f"shrunk-{self.network}-{self.scheme}{tuned}"


RECURRENT = "has recurrent layers ("
ZOO = [
    Specimen("conv1d.keras"),
    Specimen("conv1d.keras", scheme="16x8"),
    Specimen("conv1d.keras", scheme="float16"),
    Specimen("conv1d.keras", scheme="dynamic"),
    Specimen("conv2d.keras"),
    Specimen("separable.keras"),
    Specimen("residual.keras"),
    Specimen("limited.keras"),
    Specimen("attention.keras"),
    Specimen("heads.keras"),
    Specimen("per_frame.keras"),
    Specimen("heads.keras", scheme="16x8"),
    Specimen("per_frame.keras", scheme="16x8"),
    Specimen("unrolled_lstm.keras"),
    Specimen("unrolled_gru.keras"),
    Specimen("gelu.keras"),
    Specimen("nested.keras"),
    Specimen("legacy.h5"),
    Specimen("saved_model"),
    Specimen("conv1d.keras", scheme="16x8", fine_tune=2),
    Specimen("conv2d.keras", fine_tune=2),
    Specimen("attention.keras", fine_tune=2),
    Specimen("nested.keras", fine_tune=2),
    Specimen("nine.keras", outputs=9, fine_tune=2),
    Specimen(
        "frozen.keras", "has no kernels that can be trained, so --fine-tune cannot help it", fine_tune=2
    ),
    Specimen(
        "separable.keras", "is (4,), model.json says (5,): one value a label, and one more", "dynamic", 5
    ),
    Specimen("below_zero.keras", "where neither is ever above 0; change the sign of one in the network"),
    Specimen("below_zero.keras", scheme="16x8"),
    Specimen("two_outputs.keras", "1 inputs and 2 outputs; the device gives one window"),
    Specimen("lstm.keras", RECURRENT + "lstm"),
    Specimen("bidirectional.keras", RECURRENT),
    Specimen("nested_lstm.keras", RECURRENT),
    Specimen("saved_lstm", "has a loop, as recurrent layers make"),
    Specimen("any_length.keras", "is (None, 40), whose length is open; build the network for (150, 40)"),
    Specimen("saved_any_length", "is (None, 40), whose length is open; export the network for (150, 40)"),
    Specimen("other_window.keras", "is (100, 40), model.json says (150, 40); correct the one"),
    Specimen("five_classes.keras", "is (5,), model.json says (4,): one value a label, and one more where it"),
    Specimen("not_numbers.keras", "has weights that are not numbers; train it again"),
    Specimen("sine", "SIN would run in floating point inside the int8 model; replace that layer"),
    Specimen("sine", "the model needs SIN, which the device's runtime does not have", "16x8"),
    Specimen("erf", "the model needs Erf, which the device's runtime does not have"),
    Specimen("loop", "has a loop, as recurrent layers make"),
    Specimen("saved_nothing", "has no signature serving_default but none; export it again"),
    Specimen("truncated_conv1d.keras", "is no Keras model: "),
    Specimen("truncated_legacy.h5", "is no Keras model: "),
    Specimen("truncated", "is no TensorFlow SavedModel: "),
    Specimen("text.keras", "is no Keras model: "),
]
LOSES = Specimen("lopsided.keras")  # in one layer
BLAMED = ("residual", "attention", "unrolled_gru", "lopsided")
"""Of these the error of each layer is measured, which takes longer than to convert."""
FAILS_WHEN_RUN = Specimen("gelu.keras", scheme="16x8")  # made without complaint, refused by the device
