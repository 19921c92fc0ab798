"""Formats as users see them, next to Python's own readers and writers of them."""

import csv
import gzip
import io
import json
import random

from support import Case, main


class TestCsv(Case):
    def run_ok(self, text, *arguments):
        self.write("a.pipe", text)
        done = self.run_pipec("run", "-q", "a.pipe", *arguments)
        self.assert_status(done, 0)
        return done

    def records(self, name="out.ndjson"):
        return [json.loads(line) for line in self.lines(name)]

    def rows(self, seed, count):
        random_ = random.Random(seed)
        pieces = ["a", "tea", "\u00e9\u4e16", "1", "-2.5", ",", ";", "\t", '"', '""', "'", "\n", "\r\n", "\\", " ", "", "x" * 70]
        return [
            ["".join(random_.choice(pieces) for _ in range(random_.randrange(5))) for _ in range(4)]
            for _ in range(count)
        ]

    def test_what_python_writes_is_read_back(self):
        names = ["id", "a b", 'quo"te', "d,e"]
        for seed, delimiter in enumerate([",", ";", "\t"]):
            text = io.StringIO(newline="")
            rows = self.rows(seed, 2000)
            writer = csv.writer(text, delimiter=delimiter, lineterminator=["\n", "\r\n"][seed % 2],
                                quoting=[csv.QUOTE_MINIMAL, csv.QUOTE_ALL][seed % 2])
            writer.writerows([names, *rows])
            self.write("in.csv", text.getvalue())
            options = f"delimiter: {json.dumps(delimiter)}"
            self.run_ok(f'dlq reject recv file("in.csv", framing: csv({options})) | parse csv({options}) | sink file("out{seed}")')
            read = list(csv.DictReader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter))
            self.assertEqual(self.records(f"out{seed}"), read)
            self.assertEqual(read, [dict(zip(names, row)) for row in rows])

    def test_python_reads_back_what_is_written(self):
        names = ["id", "a b", 'quo"te', "d,e"]
        rows = self.rows(9, 3000)
        self.write("in.ndjson", "".join(json.dumps(dict(zip(names, row))) + "\n" for row in rows))
        for options in ("", f"(columns: {json.dumps(names)})"):
            self.run_ok(f'dlq reject recv file("in.ndjson") | sink file("out.csv", encode: csv{options})', "--from-start", "--truncate")
            text = self.read("out.csv").decode()
            self.assertEqual(list(csv.reader(io.StringIO(text, newline=""))), [names, *rows])

    def test_the_header_is_known_to_every_worker_and_to_later_runs(self):
        for framing, packed in (("lines", False), ("csv", False), ("lines", True)):
            name = f"in-{framing}-{packed}.csv"
            text = f'dlq reject recv file("{name}", framing: {framing}) | parse csv | sink file("out-{name}")'
            arguments = ("--threads", "8", "--budget", "64KiB", "--state-dir", f"state-{name}")
            rows = [f"{n},row {n}\n" for n in range(30_000)]
            pack = gzip.compress if packed else bytes
            self.write(name, pack(("id,name\n" + "".join(rows[:20_000])).encode()))
            self.run_ok(text, *arguments)
            with open(self.path(name), "ab") as out:
                out.write(pack("".join(rows[20_000:]).encode()))
            self.run_ok(text, *arguments)
            self.assertEqual(self.records("out-" + name), [{"id": str(n), "name": f"row {n}"} for n in range(30_000)])

    def test_each_file_has_a_header_of_its_own_and_so_has_standard_input(self):
        self.write("1.csv", "a,b\n1,2\n")
        self.write("2.csv", "b,a\n1,2\n")
        done = self.run_pipec("eval", "parse csv", "1.csv", "2.csv")
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b'{"a":"1","b":"2"}\n{"b":"1","a":"2"}\n')
        done = self.run_pipec("eval", "--framing", "csv", "parse csv(types: auto)", stdin=b'\n\na,b\n"1\n",2\n')
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b'{"a":"1\\n","b":2}\n')


if __name__ == "__main__":
    main()
