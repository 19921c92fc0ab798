with open("in.msgpack", "wb") as file:
    file.write(b"\x81\xa1a\x01" b"\x81\xa1a\x02" b"\x81\xa1a\xc1" b"\x81\xa1a\x04")
