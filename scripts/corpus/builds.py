"""Builds, version control, archives and certificates: what continuous integration logs."""

import os

from corpus.lab import WORDS, Lab, Service

C = (
    "int main( { return 0 }",
    "#include <none.h>\nint main(){}",
    "int f(); int main(){return f();}",
    '#include <stdio.h>\nint main(){int x; char b[2]; printf("%s", x); b[9]=1; return b[9];}',
    "int main(){int *p=0; *p=1;}",
    "#include <stdlib.h>\nint main(){char *p=malloc(4); p[5]=1; free(p); free(p);}",
    "#include <assert.h>\nint main(){assert(1 == 2);}",
    "#include <stdlib.h>\nint main(){abort();}",
    "#include <limits.h>\nint main(int c,char**v){int x=INT_MAX; x+=c; int a[2]; return "
    "a[c+4] + (1 << (c + 40)) + x/(c-1);}",
)


def builds(lab: Lab) -> None:
    """gcc, make, cmake, git, pip, cargo and sanitizers: what continuous integration logs."""
    for number, text in enumerate(C):
        source = lab.write(f"c{number}.c", text)
        for flags in (("-Wall", "-Wextra", "-O2"), ("-g", "-fsanitize=address,undefined")):
            if lab.run("gcc", *flags, source, "-o", lab.dir / f"c{number}") == 0:
                lab.run("/bin/sh", "-c", f"./c{number}")
    lab.run("gdb", "-batch", "-ex", "run", "-ex", "bt", lab.dir / "c4")
    lab.run(
        "g++",
        lab.write(
            "t.cc",
            "#include <vector>\n#include <map>\n"
            'int main(){std::map<int,std::vector<int>> m; m << 1; auto x = m["a"];}',
        ),
    )
    lab.write(
        "Makefile",
        "all: a b\na: none.o\n\tgcc -o $@ $<\nb:\n\t@echo building b; exit 2\nc: c\nd:\n"
        "    spaces\n",
    )
    lab.run("make", "-k", "all")
    lab.run("make", "--debug=v", "b")
    lab.write(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.9)\nproject(x C)\nfind_package(None REQUIRED)\n"
        "add_executable(y none.c)\n"
        'message(WARNING "old")\nnonsense()\n',
    )
    lab.run("cmake", "-S", ".", "-B", "out")
    _git(lab)
    for words in (
        ("install", "--no-index", "nothing"),
        ("install", "-r", "none.txt"),
        ("install", "--no-input", "--retries", "0", "-i", "http://127.0.0.1:9/", "x"),
        ("install", "/srv/app"),
        ("uninstall", "nothing"),
        ("check",),
    ):
        lab.run("/usr/bin/python3", "-m", "pip", "--isolated", *words)
    lab.write(
        "test_x.py",
        "import unittest\nclass T(unittest.TestCase):\n"
        " def test_a(self): self.assertEqual(1, 2)\n def test_b(self): open('/none')\n"
        " @unittest.skip('later')\n def test_c(self): pass\n",
    )
    lab.run("/usr/bin/python3", "-m", "unittest", "-v", "test_x")
    _archives(lab)


def _git(lab: Lab) -> None:
    env = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
        "HOME": "/srv/app",
    }
    repo = lab.folder("repo")

    def git(*words: str) -> None:
        lab.run("git", *words, cwd=repo, env=env)

    git("init", "-q", "--initial-branch=main")
    for branch in ("main", "other"):
        git("checkout", "-b", branch) if branch != "main" else None
        for number in range(3):
            lab.write("repo/file", f"{branch} {lab.rng.choice(WORDS)} {number}\n")
            git("add", ".")
            git("commit", "-m", f"{branch} {number}")
    git("checkout", "main")
    lab.write("repo/file", "local\n")
    for words in (
        ("checkout", "other"),
        ("commit", "-am", "x"),
        ("merge", "other"),
        ("rebase", "none"),
        ("push", "origin", "main"),
        ("fetch", "https://127.0.0.1:9/x"),
        ("clone", "git://127.0.0.1:9/x"),
        ("pull",),
        ("stash",),
        ("cherry-pick", "zz"),
        ("nonsense",),
        ("apply", "file"),
        ("fsck", "--full"),
        ("gc",),
        ("bisect", "good"),
        ("am", "file"),
    ):
        git(*words)
    server = lab.start(
        "git",
        "daemon",
        "--verbose",
        "--listen=127.0.0.1",
        "--base-path=/srv/app",
        "--timeout=2",
        "--max-connections=4",
    )
    lab.listening(9418)
    for words in (
        ("clone", "git://127.0.0.1/repo", "/srv/app/c1"),
        ("clone", "git://127.0.0.1/none", "/srv/app/c2"),
    ):
        git(*words)
    lab.talk(9418, b"GET / HTTP/1.0\r\n\r\n")
    lab.write("repo/.git/git-daemon-export-ok", "")
    git("clone", "git://127.0.0.1/repo", "/srv/app/c3")
    git("push", "git://127.0.0.1/repo", "main")
    lab.crowd(9418, 8)
    lab.stop(server)
    for file in list((repo / ".git/objects").glob("??/*"))[:2]:
        file.chmod(0o644)
        file.write_bytes(b"damage")
    (repo / ".git/index").write_bytes(b"DIRC" + os.urandom(80))
    for words in (("fsck",), ("status",), ("log", "--all"), ("repack", "-ad")):
        git(*words)


def _archives(lab: Lab) -> None:
    """Archives and certificates that are cut short, damaged, missing, expired or on a full disk."""
    lab.write("data/file", lab.rng.randbytes(90_000))
    full = lab.tiny_disk("full", "16k")
    for name, flag in (("a.tar.gz", "z"), ("a.tar.xz", "J"), ("a.tar", "")):
        lab.run("tar", f"c{flag}vf", lab.dir / name, "data")
        data = bytearray((lab.dir / name).read_bytes())
        lab.write(f"cut-{name}", bytes(data[: len(data) // 2]))
        data[300:340] = lab.rng.randbytes(40)
        lab.write(f"bad-{name}", bytes(data))
        for copy in (name, f"cut-{name}", f"bad-{name}", "none.tar"):
            lab.run("tar", "xvf", lab.dir / copy, "-C", full)
            lab.run("gzip", "-tv", lab.dir / copy)
            lab.run("xz", "-tv", lab.dir / copy)
            lab.run("cpio", "-itv", "-F", lab.dir / copy)
            lab.run("unzip", "-t", lab.dir / copy)
    cert, key = lab.certificate()
    for words in (
        ("verify", cert),
        ("x509", "-in", key),
        ("rsa", "-in", cert),
        ("s_client", "-connect", "127.0.0.1:9"),
        ("verify", "-attime", "4102444800", "-CAfile", cert, cert),
        ("enc", "-d", "-aes-256-cbc", "-k", "x", "-in", key),
        ("ca", "-in", "none"),
        ("req", "-in", "none"),
        ("pkcs12", "-in", key, "-passin", "pass:x"),
        ("nonsense",),
    ):
        lab.run("openssl", *words, timeout=3)
    home = {"GNUPGHOME": str(lab.folder("gnupg"))}
    (lab.dir / "gnupg").chmod(0o700)
    for request in (
        ("--verify", key),
        ("--decrypt", cert),
        ("--recv-keys", "--keyserver", "hkp://127.0.0.1:9", "DEADBEEF"),
        ("--sign", key),
        ("--import", key),
        ("-v", "--batch", "--passphrase", "", "--quick-gen-key", "a@b.c"),
    ):
        lab.run("gpg", "--batch", *request, env=home, timeout=5)
    for url in (
        "http://127.0.0.1:9/",
        "https://no.invalid/",
        "ftp://127.0.0.1:9/x",
        "gopher:x",
        "file:///none",
    ):
        lab.run("curl", "-v", "--max-time", "2", url)
        lab.run("wget", "-d", "-t", "1", "-T", "2", "-O", "/dev/null", url)


SERVICES = (Service("builds", ("gcc", "g++", "make", "cmake", "git", "gdb"), builds, 90),)
