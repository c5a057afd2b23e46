"""What an installer writes."""

SECRET = 'se cret"#123'  # noqa: S105 - of a test
PASSWORD = "pass word\\1"  # noqa: S105
SETTINGS = """\
# Bed 12, by the window
site = "clinic"
ward = "3b"
device = "bed-12"
bed = "12"

[hub]
host = "hub.example"   # ask Anna
"""
WIFI = """
[wifi]
country = "DE"
ssid = "Ward 3b"
passphrase = "se cret\\"#123"  # on the note in the office
"""
ENTERPRISE = """
[wifi]
country = "DE"
ssid = "klinik@süd"
identity = "bed-12@clinic"
password = 'pass word\\1'
anonymous_identity = "anonymous@clinic"
ca_file = "bedside-ca.crt"
eap = "TTLS"
"""
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHTqZf0S3m0nLQ0zN0Yk1P8K2mVf1bJbZ3xk0m1X2y3z anna@office"
REST = f"""
[time]
zone = "Europe/Berlin"
server = "ntp.clinic.example"
[microphone]
device = "0d8c:0014"
[panel]
mute_pin = 17
light_pin = 27
led = "22"
[support]
ssh_keys = ["{SSH_KEY}"]
"""
