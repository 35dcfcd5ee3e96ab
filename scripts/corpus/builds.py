"""Builds, version control, archives and certificates: what continuous integration logs."""

import os
from collections.abc import Callable

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
    with lab.healthy():
        _success(lab)
    with lab.fault("failing-build"):
        _failure(lab)
    _git(lab)
    with lab.fault("failing-test"):
        _tests(lab)
    _archives(lab)


GOOD_C = """
#include <stdio.h>
#include <string.h>
int add(int a, int b) { return a + b; }
int main(int c, char **v) {
  for (int i = 1; i <= 12; i++)
    printf("ok %d - case %d of %s\\n", i, add(i, 1), strrchr(v[0], '/') + 1);
  printf("1..12\\nall tests passed\\n"); return c - 1;
}
"""
CMAKE = """cmake_minimum_required(VERSION 3.9)
project(lab C CXX)
enable_testing()
add_library(part STATIC part.c)
add_executable(app app.c)
target_link_libraries(app part)
add_test(NAME first COMMAND app)
add_test(NAME second COMMAND app)
install(TARGETS app DESTINATION bin)
message(STATUS "build type is ${CMAKE_BUILD_TYPE}")
"""
GOOD_TESTS = """import unittest
class Orders(unittest.TestCase):
 def test_sum(self): self.assertEqual(1 + 1, 2)
 def test_name(self): self.assertTrue("a".isalpha())
 def test_list(self): self.assertIn(1, [1, 2])
class Stock(unittest.TestCase):
 def test_empty(self): self.assertFalse([])
 def test_count(self): self.assertEqual(len("abc"), 3)
"""
CARGO = '[package]\nname = "lab"\nversion = "0.1.0"\nedition = "2021"\n'
RUST = (
    'pub fn add(a: i32, b: i32) -> i32 { a + b }\nfn main() { println!("sum {}", add(1, 2)); }\n'
    "#[cfg(test)] mod tests { #[test] fn adds() { assert_eq!(super::add(1, 2), 3); }\n"
    " #[test] fn zero() { assert_eq!(super::add(0, 0), 0); } }\n"
)


def _success(lab: Lab) -> None:
    """Builds, tests and packagings that succeed, in C, Rust, Go and Python."""
    for name, text in (("app.c", GOOD_C), ("part.c", "int part(void) { return 7; }\n")):
        lab.write(f"good/{name}", text)
    lab.write("good/CMakeLists.txt", CMAKE)
    lab.write(
        "good/Makefile",
        "all: app part.o\napp: app.c\n\tgcc -Wall -o $@ $<\n"
        "check: app\n\t./app\nclean:\n\trm -f app part.o\n",
    )
    good = lab.dir / "good"
    for line in (
        *("make", "make check", "make all", "make --debug=b -B", "make clean", "cmake -B out"),
        *("cmake --build out -v", "cmake --install out --prefix inst", "ctest --test-dir out -V"),
        *("gcc -v -o x app.c", "size x", "ldd x", "git init -q ."),
    ):
        lab.run(*line.split(), cwd=good, timeout=20)
    lab.write("good/test_good.py", GOOD_TESTS)
    lab.run("/usr/bin/python3", "-m", "unittest", "-v", "test_good", cwd=good)
    lab.run("/usr/bin/python3", "-m", "compileall", "-f", ".", cwd=good)
    lab.write("rust/Cargo.toml", CARGO)
    lab.write("rust/src/main.rs", RUST)
    for words in (("build",), ("test",), ("run",), ("build", "--release", "-v"), ("clean",)):
        lab.run("cargo", "--offline", *words, cwd=lab.dir / "rust", timeout=20)
    lab.write("go/go.mod", "module lab\n\ngo 1.19\n")
    lab.write("go/a.go", "package lab\n\nfunc Add(a, b int) int { return a + b }\n")
    lab.write(
        "go/a_test.go",
        'package lab\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) '
        '{\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n\tt.Log("sum is right")\n}\n',
    )
    for steps in (("build", "-v", "."), ("test", "-v", "."), ("vet", ".")):
        lab.run("go", *steps, cwd=lab.dir / "go", timeout=40, env={"GOFLAGS": "-mod=mod"})


def _failure(lab: Lab) -> None:
    """Sources that don't compile, programs that crash, rules that fail."""
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


def _tests(lab: Lab) -> None:
    """Packages that can't be had and tests that fail."""
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

    with lab.healthy():
        _work(lab, git)
    with lab.fault("merge-conflict"):
        _conflicts(lab, git)
    _served(lab, git)
    with lab.fault("damaged-repository"):
        for file in list((repo / ".git/objects").glob("??/*"))[:2]:
            file.chmod(0o644)
            file.write_bytes(b"damage")
        (repo / ".git/index").write_bytes(b"DIRC" + os.urandom(80))
        for words in (("fsck",), ("status",), ("log", "--all"), ("repack", "-ad")):
            git(*words)


def _work(lab: Lab, git: Callable[..., None]) -> None:
    """Commits, branches and merges that go well."""
    git("init", "--initial-branch=main")
    for branch in ("main", "other"):
        git("checkout", "-b", branch) if branch != "main" else None
        for number in range(3):
            lab.write("repo/file", f"{branch} {lab.rng.choice(WORDS)} {number}\n")
            git("add", ".")
            git("commit", "-m", f"{branch} {number}")
    git("checkout", "main")
    git("checkout", "-b", "side")
    lab.write("repo/side", "x\n")
    for words in (
        *(("add", "-v", "side"), ("commit", "-m", "side"), ("checkout", "main"), ("status",)),
        *(("merge", "--no-ff", "-m", "m", "side"), ("log", "--stat", "-3"), ("branch", "-v")),
        *(("tag", "-a", "v1", "-m", "x"), ("gc",), ("fsck", "--full"), ("clone", ".", "../copy")),
        *(("count-objects", "-v"), ("describe",), ("branch", "-d", "side"), ("repack", "-ad")),
    ):
        git(*words)


def _conflicts(lab: Lab, git: Callable[..., None]) -> None:
    """Branches that can't be merged, remotes that can't be reached, odd arguments."""
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


def _served(lab: Lab, git: Callable[..., None]) -> None:
    """git daemon: clones that are served, repositories it may not give, broken requests."""
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
    with lab.fault("refused-request"):
        for name in ("repo", "none"):
            git("clone", f"git://127.0.0.1/{name}", f"/srv/app/no-{name}")
        lab.talk(9418, b"GET / HTTP/1.0\r\n\r\n")
        git("push", "git://127.0.0.1/repo", "main")
        lab.crowd(9418, 8)
    with lab.healthy():
        lab.write("repo/.git/git-daemon-export-ok", "")
        for number in range(3):
            git("clone", "git://127.0.0.1/repo", f"/srv/app/c{number}")
        git("ls-remote", "git://127.0.0.1/repo")
        git("fetch", "git://127.0.0.1/repo", "main")
        lab.stop(server)


def _archives(lab: Lab) -> None:
    """Archives and certificates that are cut short, damaged, missing, expired or on a full disk."""
    lab.write("data/file", lab.rng.randbytes(90_000))
    full = lab.tiny_disk("full", "16k")
    for name, flag in (("a.tar.gz", "z"), ("a.tar.xz", "J"), ("a.tar", "")):
        with lab.healthy(0.1):
            lab.run("tar", f"c{flag}vf", lab.dir / name, "data")
            lab.run("tar", "xvf", lab.dir / name, "-C", lab.folder("room"))
        data = bytearray((lab.dir / name).read_bytes())
        lab.write(f"cut-{name}", bytes(data[: len(data) // 2]))
        data[300:340] = lab.rng.randbytes(40)
        lab.write(f"bad-{name}", bytes(data))
        with lab.fault("disk-full"):
            lab.run("tar", "xvf", lab.dir / name, "-C", full)
        with lab.fault("damaged-file"):
            for copy in (f"cut-{name}", f"bad-{name}", "none.tar"):
                lab.run("tar", "xvf", lab.dir / copy, "-C", full)
                for tool in (
                    ("gzip", "-tv"),
                    ("xz", "-tv"),
                    ("cpio", "-itv", "-F"),
                    ("unzip", "-t"),
                ):
                    lab.run(*tool, lab.dir / copy)
    with lab.fault("bad-certificate"):
        _certificates(lab)
    with lab.fault("backend-down"):
        for url in (
            "http://127.0.0.1:9/",
            "https://no.invalid/",
            "ftp://127.0.0.1:9/x",
            "gopher:x",
        ):
            lab.run("curl", "-v", "--max-time", "2", url)
            lab.run("wget", "-d", "-t", "1", "-T", "2", "-O", "/dev/null", url)
    with lab.healthy():
        server = lab.start("/usr/bin/python3", "-m", "http.server", "80")
        lab.listening(80)
        for path in ("data/file", "good/", "a.tar"):
            lab.run("curl", "-v", "-o", "/dev/null", f"http://127.0.0.1/{path}")
            lab.run("wget", "-d", "-O", "/dev/null", f"http://127.0.0.1/{path}")
        lab.stop(server)


def _certificates(lab: Lab) -> None:
    """Keys and certificates that don't fit what is asked of them."""
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


SERVICES = (
    Service(
        "builds", ("gcc", "g++", "make", "cmake", "git", "gdb", "cargo", "golang-go"), builds, 200
    ),
)
