"""An authority and certificates of our own, made by the real openssl, and mosquitto as a ward sets it up."""

import subprocess
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "hub" / "mosquitto"
HOST = "IP:127.0.0.1,DNS:localhost"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]


class Authority:
    """Signs what it is asked to, for as many days; negative ones: it has expired."""

    def __init__(self, folder, name="ca"):
        self._folder = folder
        self.file, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        extensions = [word for extension in _CA for word in ("-addext", extension)]
        out = ["-keyout", str(self._key), "-out", str(self.file)]
        _openssl("req", "-x509", *_KEY, "-days", "30", "-subj", f"/CN={name}", *extensions, *out)

    def sign(self, name, subject, days=30, host=None, key=None):
        """The files of a certificate and its key; with `key` for the one in that file."""
        cert = self._folder / f"{name}.crt"
        made = ["-key", key] if key else [*_KEY, "-keyout", str(self._folder / f"{name}.key")]
        key = key or self._folder / f"{name}.key"
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        subject = "/CN=" + subject.replace("/", r"\/")
        _openssl("req", "-new", *made, "-subj", subject, "-out", str(request))
        lines = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        extensions.write_text(lines + (f"subjectAltName={host}\n" if host else ""), encoding="utf-8")
        signed = ["-CA", str(self.file), "-CAkey", str(self._key), "-CAcreateserial", "-days", str(days)]
        _openssl("x509", "-req", "-in", str(request), *signed, "-extfile", str(extensions), "-out", str(cert))
        return str(cert), str(key)


def ward_settings(authority, cert, key, acl=None):
    """The settings of hub/mosquitto/mosquitto.conf with these files for the ward's."""
    files = {
        "cafile": authority.file,
        "certfile": cert,
        "keyfile": key,
        "acl_file": acl or SHIPPED / "bedside.acl",
    }
    left_out = {"listener", "protocol", "persistence", "persistence_location", "autosave_interval",
                "log_dest", "log_type", "log_timestamp", "crlfile", "persistent_client_expiration",
                "connection_messages", "per_listener_settings"}  # fmt: skip
    found = []
    for line in (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8").splitlines():
        word = line.split(" ", 1)[0]
        if line and not line.startswith("#") and word not in left_out:
            found.append(f"{word} {files[word]}" if word in files else line)
    return "\n".join(found) + "\n"


class Ward:
    """The files of a ward: its authority, and certificates for broker, hub and device."""

    def __init__(self, folder):
        folder.mkdir()
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "stranger")
        self.broker = self.authority.sign("broker", "broker", host=HOST)
        self.hub = self.authority.sign("hub", "hub")
        self.device = self.authority.sign("device", "demo/ward-1/bed-1")

    def settings(self, broker=None):
        return ward_settings(self.authority, *(broker or self.broker))

    def files(self, device=None, authority=None):
        cert, key = device or self.device
        return {
            "ca_file": str((authority or self.authority).file),
            "cert_file": cert,
            "key_file": key,
        }

    @property
    def hub_files(self):
        return (str(self.authority.file), *self.hub)


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
