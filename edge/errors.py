"""Every error the project raises on purpose.

Each carries the exit status a command ends with when nobody handles it; the numbers are those of
BSD's sysexits.h, which systemd names in its logs. The message is one sentence that names the thing,
the value and the remedy.
"""


class BedsideError(Exception):
    """Something a person can put right; shown without a traceback."""

    exit_status = 70  # EX_SOFTWARE


class ConfigError(BedsideError):
    """A setting is missing, unknown or out of range."""

    exit_status = 78  # EX_CONFIG


class ModelError(BedsideError):
    """A model file cannot be trusted or cannot be run."""

    exit_status = 65  # EX_DATAERR


class AudioFileError(BedsideError):
    """A sound file cannot be read."""

    exit_status = 66  # EX_NOINPUT


class CorpusError(BedsideError):
    """A manifest of recordings is missing, malformed or too small for what was asked."""

    exit_status = 66  # EX_NOINPUT


class MicrophoneError(BedsideError):
    """No usable microphone."""

    exit_status = 69  # EX_UNAVAILABLE


class UnavailableError(BedsideError):
    """A port, a broker or a program this one needs is not to be had."""

    exit_status = 69  # EX_UNAVAILABLE


class StorageError(BedsideError):
    """A file or database cannot be read or written; the bedside daemon goes on in memory."""

    exit_status = 74  # EX_IOERR


class DamagedError(StorageError):
    """A database is there and can be read, but is not what was written."""


class TamperedError(BedsideError):
    """A record that nobody may change has been changed."""

    exit_status = 65  # EX_DATAERR


class MessageError(BedsideError):
    """Bytes from the wire that break the contract."""

    exit_status = 76  # EX_PROTOCOL


class ConversionError(BedsideError):
    """A model cannot be converted for the device."""

    exit_status = 65  # EX_DATAERR
