#!/usr/bin/env python3
"""Tier 2, access: TLS with right and wrong certificates, SASL with right and wrong passwords, secrets that stay secret."""

import os
import shutil
import subprocess
import tempfile

import cluster
from cluster import kafka, produce, topics
from harness import Pipec, bearer_token, expect, fresh_directory
from rdkafka import read_all

FOLDER = tempfile.mkdtemp(prefix="tls-")
PASSWORD = "Canary-7c2e"


def at(name):
    return os.path.join(FOLDER, name)


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def certificate(name, host):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", at(name + ".key"), "-out", at(name + ".pem"),
            "-subj", "/CN=" + name, "-addext", "subjectAltName=" + host)


def keystore(name):
    with open(at(name + ".store"), "w", encoding="utf-8") as store:
        store.write(openssl("pkcs8", "-topk8", "-nocrypt", "-in", at(name + ".key")))
        with open(at(name + ".pem"), encoding="utf-8") as found:
            store.write(found.read())
    return at(name + ".store")


def reader(brokers, topic, **properties):
    given = ", ".join(f'"{name.replace("_", ".")}": {value if value.startswith("secret(") else chr(34) + value + chr(34)}'
                      for name, value in properties.items())
    return f'recv kafka("{brokers}", "{topic}", "g", stop_at_end: true, properties: {{{given}}})\n'


def count(job):
    return job.stderr().count('"n":')


def fault_x3_tls():
    """fault X3 TLS: works with the right authority; source and sink alike"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 10, partitions=1)
    text = reader(kafka().tls, source, security_protocol="ssl", ssl_ca_location=at("good.pem"))
    Pipec(text + f'| sink kafka("{target}")\n').finish()
    expect(len(read_all(kafka().bootstrap, target)) == 10, "not copied")


def fault_x3_wrong_authority():
    """fault X3 TLS: a certificate of a wrong authority is refused, and the message says why"""
    source, = topics("in", partitions=1)
    produce(source, 10, partitions=1)
    job = Pipec(reader(kafka().tls, source, security_protocol="ssl", ssl_ca_location=at("bad.pem")) + "| sink stdout()\n")
    expect(job.end() == 1 and count(job) == 0, job.stderr())
    # "no access" is reported at once, not after the timeout for unreachable brokers.
    expect("no access to" in job.stderr() and "certificate verify failed" in job.stderr(), job.stderr())


def fault_x3_wrong_host():
    """fault X3 TLS: a certificate for another host is refused"""
    source, = topics("in", partitions=1)
    produce(source, 10, partitions=1)
    job = Pipec(reader(kafka().tls.replace("127.0.0.1", "localhost"), source, security_protocol="ssl", ssl_ca_location=at("good.pem")) +
                "| sink stdout()\n")
    expect(job.end() == 1 and count(job) == 0, job.stderr())
    # "no access" is reported at once, not after the timeout for unreachable brokers.
    expect("no access to" in job.stderr() and "certificate verify failed" in job.stderr(), job.stderr())


def fault_x3_plain_text_to_tls():
    """fault X3 TLS: a client without it gets an error, not silence"""
    source, = topics("in", partitions=1)
    job = Pipec(reader(kafka().tls, source) + "| sink stdout()\n")
    expect(job.end() == 1 and "cannot reach" in job.stderr(), job.stderr())


def keep_secret(folder, name, content):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        out.write(content + "\n")
    os.chmod(os.path.join(folder, name), 0o600)


def sasl(mechanism):
    source, target = topics("in", "out", partitions=1)
    produce(source, 10, partitions=1)
    folder = fresh_directory()
    access = {"security_protocol": "sasl_plaintext", "sasl_mechanisms": mechanism, "sasl_username": "alice"}

    def attempt(password, **more):
        keep_secret(folder, "password", password)
        text = reader(kafka().sasl, source, **access, sasl_password=f'secret("{folder}/password")', **more)
        job = Pipec(text + f'| sink kafka("{target}")\n')
        return job.end(), job.stderr()
    status, said = attempt(PASSWORD)
    expect(status == 0, said)
    expect(len(read_all(kafka().bootstrap, target)) == 10, "not copied")
    # The complete log, with everything that librdkafka logs about the failure.
    for wrong in (PASSWORD + "-wrong", "Nightingale"):
        status, said = attempt(wrong, debug="all")
        expect(status == 1, f"status {status}: {said[-3000:]}")
        expect("no access to" in said and "uthentication fail" in said.split("error:")[-1], said[-3000:])
        expect(PASSWORD not in said and wrong not in said, "the password was printed")
    expect(len(read_all(kafka().bootstrap, target)) == 10, "copied with a wrong password")


def fault_x2_sasl_plain():
    """fault X2 SASL PLAIN against a real broker: the right password works, a wrong one is an error that names no secret"""
    sasl("PLAIN")


def fault_x2_sasl_scram():
    """fault X2 SASL SCRAM-SHA-256: the same"""
    sasl("SCRAM-SHA-256")


def fault_x2_sasl_bearer():
    """fault X2 SASL OAUTHBEARER against a real broker: a token opens the door, source and sink alike; one that the broker does not take, or
    that is over, is an error that does not tell it"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 10, partitions=1)
    folder, claims = fresh_directory(), {"sub": "alice", "scope": "copy"}

    def attempt(content, **more):
        keep_secret(folder, "token", content)
        given = f'token_file: "{folder}/token", properties: {{"security.protocol": "sasl_plaintext"'
        text = "".join(f', "{name}": "{value}"' for name, value in more.items()) + "}"
        job = Pipec(f'recv kafka("{kafka().sasl}", "{source}", "g", stop_at_end: true, {given}{text})\n'
                    f'| sink kafka("{target}", brokers: "{kafka().sasl}", {given}{text})\n')
        return job.end(), job.stderr()
    status, said = attempt(bearer_token(600, **claims))
    expect(status == 0, said)
    expect(len(read_all(kafka().bootstrap, target)) == 10, "not copied")
    for refused, why in ((bearer_token(600, "HS256", **claims), "invalid_token"), (bearer_token(-60, **claims), "expired")):
        status, said = attempt(refused, debug="all")
        expect(status == 1, f"status {status}: {said[-3000:]}")
        last = said.split("error:")[-1]
        expect(why in last, last[:1500])
        expect(refused not in said and refused.split(".")[1] not in said, "the token was printed")
    expect(len(read_all(kafka().bootstrap, target)) == 10, "copied with a wrong token")


TESTS = [fault_x3_tls, fault_x3_wrong_authority, fault_x3_wrong_host, fault_x3_plain_text_to_tls, fault_x2_sasl_plain,
         fault_x2_sasl_scram, fault_x2_sasl_bearer]
if __name__ == "__main__":
    try:
        certificate("good", "IP:127.0.0.1")
        certificate("bad", "IP:127.0.0.1")
        cluster.main(TESTS, at_once=7, tls_keystore=keystore("good"), sasl={"alice": PASSWORD})
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
