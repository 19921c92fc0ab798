def nested(depth, around=""):
    return "[" * depth + around + "]" * depth

with open("in.ndjson", "w") as file:
    for n, depth in enumerate((1021, 1022, 1023)):
        file.write('{"n":%d,"v":%s,"text":"%s"}\n' % (n, nested(depth), nested(depth + 1)))
    file.write('{"n":9,"v":[%s],"text":"[]"}\n' % ",".join(["[]"] * 2000))  # many brackets, and flat
