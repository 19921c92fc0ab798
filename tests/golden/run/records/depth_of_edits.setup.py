def record(n, depth):
    nested = "[" * depth + "]" * depth
    return '{"n":%d,"v":%s,"text":"[%s]"}\n' % (n, nested, nested)

with open("deepest.ndjson", "w") as file:
    file.write(record(1, 1023) + '{"n":2,"v":[[],[]],"text":"[]"}\n')
with open("deep.ndjson", "w") as file:
    file.write(record(3, 1021) + record(4, 1022))
    file.write('{"n":5,"v":[%s],"text":"[]"}\n' % ",".join(["[]"] * 2000))  # many brackets, and flat
