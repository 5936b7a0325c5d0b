#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys for the tests, made with the openssl command and with openvpn --genkey.

One Pki lives as long as one run: everything is made on first use in one folder and then taken from there. Forked cases
share what their parent made.
"""
import os
import subprocess

KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "ed25519": ["-newkey", "ed25519"],
}

CONF = """
[ca]
default_ca = local
[local]
dir = {dir}
database = {dir}/index.txt
new_certs_dir = {dir}
serial = {dir}/serial
crlnumber = {dir}/crlnumber
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
default_md = {md}
default_days = 3650
default_crl_days = 3650
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = unset
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
keyUsage = digitalSignature,keyEncipherment
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
keyUsage = digitalSignature
"""


def run(*argv, text_in=None):
    done = subprocess.run(argv, input=text_in, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


class Pki:
    def __init__(self, folder, openvpn="/usr/sbin/openvpn"):
        self.folder, self.openvpn = folder, openvpn

    def authority(self, kind):
        """The folder of a CA, made with index and serial."""
        folder = os.path.join(self.folder, kind)
        if os.path.exists(f"{folder}/ca.crt"):
            return folder
        os.makedirs(folder, mode=0o700)
        md = "null" if kind.startswith("ed25519") else "sha256"
        for name, text in (("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "1000\n"),
                           ("ca.cnf", CONF.format(dir=folder, md=md))):
            with open(f"{folder}/{name}", "w") as f:
                f.write(text)
        run("openssl", "req", "-x509", "-nodes", *KINDS[kind.split("-")[0]], "-keyout", f"{folder}/ca.key", "-out",
            f"{folder}/ca.crt", "-days", "3650", "-subj", f"/CN=Test CA {kind}", "-config", f"{folder}/ca.cnf",
            "-extensions", "authority")
        return folder

    def cert(self, kind, name, usage=None, expired=False):
        """(certificate, key) of a leaf; usage is server or client, guessed from the name."""
        folder = self.authority(kind)
        crt, key = f"{folder}/{name}.crt", f"{folder}/{name}.key"
        if os.path.exists(crt):
            return crt, key
        usage = usage or ("server" if name.startswith("server") else "client")
        run("openssl", "req", "-new", "-nodes", *KINDS[kind.split("-")[0]], "-keyout", key,
            "-out", f"{folder}/{name}.csr", "-subj", f"/CN={name}", "-config", f"{folder}/ca.cnf")
        dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] if expired else []
        run("openssl", "ca", "-batch", "-notext", "-config", f"{folder}/ca.cnf", "-extensions", usage, "-in",
            f"{folder}/{name}.csr", "-out", crt, *dates)
        os.chmod(key, 0o600)
        return crt, key

    def options(self, kind, name, **more):
        """The lines ca, cert and key of one end."""
        crt, key = self.cert(kind, name, **more)
        return [f"ca {self.authority(kind)}/ca.crt", f"cert {crt}", f"key {key}"]

    def crl(self, kind, *revoked):
        """A revocation list that holds the named certificates."""
        folder = self.authority(kind)
        path = f"{folder}/crl-{'-'.join(revoked) or 'empty'}.pem"
        if not os.path.exists(path):
            for name in revoked:
                run("openssl", "ca", "-config", f"{folder}/ca.cnf", "-revoke", self.cert(kind, name)[0])
            run("openssl", "ca", "-config", f"{folder}/ca.cnf", "-gencrl", "-out", path)
        return path

    def _genkey(self, name, kind, *before):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            run(self.openvpn, *before, "--genkey", kind, path)
            os.chmod(path, 0o600)
        return path

    def static(self, name="static.key"):
        """A 2048-bit key for tls-auth, tls-crypt or secret."""
        return self._genkey(name, "secret")

    def v2_server(self, name="v2-server.key"):
        return self._genkey(name, "tls-crypt-v2-server")

    def v2_client(self, name="v2-client.key", server="v2-server.key"):
        return self._genkey(name, "tls-crypt-v2-client", "--tls-crypt-v2", self.v2_server(server))

    def wrap(self, name):
        """The option lines (server's, client's) of one protection of the control channel."""
        if name == "none":
            return [], []
        if name.startswith("auth-"):  # auth-DIGEST-DIRECTIONS, e.g. auth-SHA256-01, auth-SHA1-both
            _, digest, directions = name.split("-")
            key = self.static()
            ends = ("", "") if directions == "both" else (" " + directions[0], " " + directions[1])
            return tuple([f"tls-auth {key}{end}", f"auth {digest}"] for end in ends)
        if name == "crypt":
            return [f"tls-crypt {self.static()}"], [f"tls-crypt {self.static()}"]
        if name in ("v2", "v2-cookie"):
            force = " force-cookie" if name == "v2-cookie" else ""
            return [f"tls-crypt-v2 {self.v2_server()}{force}"], [f"tls-crypt-v2 {self.v2_client()}"]
        raise ValueError(name)

    def prepare(self):
        """Makes what most cases use, before cases are forked."""
        for kind in KINDS:
            for name in ("server", "client", "client2", "client3"):
                self.cert(kind, name)
        self.cert("ecdsa", "client-expired", expired=True)
        self.cert("ecdsa", "server-expired", expired=True)
        self.cert("ecdsa", "server-wrong-purpose", usage="client")
        self.cert("ecdsa", "client-wrong-purpose", usage="server")
        self.cert("ecdsa-other", "client")
        self.cert("ecdsa", "client-revoked")
        self.crl("ecdsa", "client-revoked")
        self.static()
        self.v2_client()
        return self
