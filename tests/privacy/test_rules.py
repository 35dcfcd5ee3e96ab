"""What the rules mask in lines as programs write them, and what they leave alone."""

from __future__ import annotations

import re
import time

import pytest

from tests.conftest import log_lines
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.privacy import NAMES, PLACEHOLDER, Masker

_JWT = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
_PEM_LINE = "MIIEpAIBAAKCAQEA7bq1Zr6n2Zc0mJXk3lq0TqE0l5yqYb1mU4h8s9vKxQ2dFgHj"

# rule, line, the secrets in it
SECRETS = (
    ("password", "connecting with password=hunter2 to db", "hunter2"),
    ("password", '{"user":"bob","password":"p@ss, geheim","n":1}', "p@ss, geheim"),
    ("password", r'{"log":"{\"passwd\":\"tr0ub4dor\",\"n\":1}"}', "tr0ub4dor"),
    ("password", '"GET /login?user=bob&password=s3cr3t&n=1 HTTP/1.1" 200 5', "s3cr3t"),
    ("password", "Server=db;User Id=sa;Password=P@ss!w0rd;Encrypt=yes", "P@ss!w0rd"),
    ("password", "Driver={ODBC};UID=sa;PWD=geheim;Database=x", "geheim"),
    ("password", "env DB_PASSWORD=abcdef MYSQL_PASS=uvwxyz set", "abcdef uvwxyz"),
    ("password", "spring.datasource.password: 'quoted one'", "quoted one"),
    ("password", "jdbc:mysql://db/x?user=u&password=geheim", "geheim"),
    ("password", "client_secret = Zm9vYmFy", "Zm9vYmFy"),
    ("url-credentials", "cannot reach postgres://app:s3cr3t@db:5432/prod", "s3cr3t"),
    ("url-credentials", "redis://:abc@cache:6379 is gone", "abc"),
    ("url-credentials", "amqp://u:p@ss@mq/vhost refused", "p@ss"),
    (
        "url-credentials",
        "sent to https://0123456789abcdef0123456789abcdef@sentry.example.com/12",
        "0123456789abcdef0123456789abcdef",
    ),
    ("authorization", "> Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("authorization", '"Authorization": "token abcdef"', "abcdef"),
    ("authorization", "sent header Bearer mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM"),
    ("cookie", "> Cookie: sessionid=abc123; csrftoken=xyz", "abc123 xyz"),
    ("cookie", "< Set-Cookie: sid=s3cr3t; Path=/; HttpOnly", "s3cr3t"),
    ("jwt", f"refused token {_JWT} of bob", _JWT),
    ("aws-key", "AKIAIOSFODNN7EXAMPLE is not allowed to", "AKIAIOSFODNN7EXAMPLE"),
    (
        "token",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("token", "x-api-key: abcdefabcdefabcdefabcdef", "abcdefabcdefabcdefabcdef"),
    ("token", '{"access_token": "abcdef", "expires": 3600}', "abcdef"),
    ("token", "AccountName=x;AccountKey=abc123+/abcd==;Suffix=core", "abc123+/abcd=="),
    ("gcp-key", "key AIzaSyA1234567890abcdefghijklmnopqrstuv", "AIzaSyA1234567890abcdef"),
    ("gcp-key", "with ya29.a0AfH6SMBx1234567890abc", "a0AfH6SMBx1234567890abc"),
    ("github-key", "push by ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghij"),
    ("github-key", "clone with glpat-abcdefghij0123456789", "glpat-abcdefghij0123456789"),
    ("slack-key", "posting as xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012"),
    (
        "slack-key",
        "POST https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX",
        "T00000000/B00000000/XXXXXXXXXXXXXXXX",
    ),
    (
        "vendor-key",
        "stripe sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc refused",
        "4eC39HqLyjWDarjtT1zdp7dc",
    ),
    ("session-id", "PHPSESSID=4qk2v8c3m9d0a7s5f1g6h2j3k4 expired", "4qk2v8c3m9d0a7s5f1g6h2j3k4"),
    ("signature", "GET /x?X-Amz-Signature=abcdef&y=1", "abcdef"),
    ("option", "CMD (mysql -u root -pS3cret db)", "S3cret"),
    ("option", "exec: curl -s -u bob:geheim https://x", "geheim"),
    ("option", "COMMAND=/usr/bin/tool --password geheim --verbose", "geheim"),
    ("sql-password", "STATEMENT: ALTER ROLE app PASSWORD 'geheim'", "geheim"),
    ("sql-password", "Query CREATE USER x IDENTIFIED BY 'geheim'", "geheim"),
    (
        "private-key",
        f"-----BEGIN RSA PRIVATE KEY-----{_PEM_LINE}-----END RSA PRIVATE KEY-----",
        _PEM_LINE,
    ),
    ("private-key-line", _PEM_LINE, _PEM_LINE),
    ("password", r'{"pwd":"hunter\"2 rest","n":1}', r"hunter\"2 rest"),
    ("password", r'{"password":"ab\\","user":"bob"}', r"ab\\"),
    ("password", r'{"log":"{\"password\":\"ge\\\"heim\",\"n\":1}"}', r"ge\\\"heim"),
    ("password", "<user>bob</user><password>geheim</password>", "geheim"),
    ("password", "New password is: geheim", "geheim"),
    ("password", "passwort=geheim passcode: uvwxyz", "geheim uvwxyz"),
    ("password", "paid with cvv=123 otp: 456789", "123 456789"),
    ("password", "Server=x;Uid=sa;Pwd={a;b c};Db=x", "a;b"),
    ("cookie", 'Set-Cookie: JSESSIONID="abc def"; Path=/', "abc def"),
    ("cookie", '{"Cookie":["sid=geheim; b=zwei"]}', "geheim zwei"),
    ("cookie", "cookies={'sid': 'geheim'}", "geheim"),
    ("authorization", '{"Authorization":["Basic dXNlcjpwYXNz"]}', "dXNlcjpwYXNz"),
    (
        "authorization",
        'Authorization: Digest username="bob", realm="x y", response="abcdefabcdef"',
        "abcdefabcdef",
    ),
    (
        "authorization",
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, "
        "Signature=abcdefabcdef",
        "abcdefabcdef",
    ),
    ("url-credentials", "relay smtp://bob@example.com:geheim@smtp.example.com:25", "geheim"),
    ("aws-key", "ABIAIOSFODNN7EXAMPLE is refused", "ABIAIOSFODNN7EXAMPLE"),
    ("github-key", "runner glrt-abcdefghij0123456789", "glrt-abcdefghij0123456789"),
    (
        "vendor-key",
        "POST https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/x",
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    ),
    (
        "vendor-key",
        "POST https://discord.com/api/webhooks/123456789/abcdefGHIJKL-mnop_qrstuvwxyz",
        "abcdefGHIJKL-mnop_qrstuvwxyz",
    ),
    ("vendor-key", "droplet by dop_v1_" + "0123456789abcdef" * 4, "0123456789abcdef" * 4),
    ("option", "exec tool --db-password geheim -v", "geheim"),
    ("option", "exec redis-cli -h cache -a geheim ping", "geheim"),
    ("option", "exec docker login -u bob -p geheim registry", "geheim"),
    ("option", "exec ldapsearch -D cn=admin -w geheim", "geheim"),
    (
        "private-key",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----#012lQOYBFxyz#012-----END PGP PRIVATE KEY BLOCK-----",
        "lQOYBFxyz",
    ),
    ("private-key-line", f"Jun 01 10:00:00 web app[12]: {_PEM_LINE}", _PEM_LINE),
    ("iban", "to IBAN DE89 3704 0044 0532 0130 00 today", "DE89 3704 0044 0532 0130 00"),
    ("iban", "iban=GB82WEST12345698765432", "GB82WEST12345698765432"),
    ("card-number", "card 4111-1111-1111-1111 refused", "4111-1111-1111-1111"),
    ("card-number", '{"pan":"2223003122003222"}', "2223003122003222"),
    ("card-number", "card 4111 1111 1111 1111 refused", "4111 1111 1111 1111"),
    ("card-number", "pan=378282246310005 amount=12", "378282246310005"),
    ("card-number", "paid with 5555555555554444", "5555555555554444"),
)

HARMLESS = (
    "Jun 01 10:00:00 web sshd[12]: Failed password for root from 10.0.0.1 port 22 ssh2",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b pushed by alice",
    "3b18e512dba79e4c8300dd08aeb37f8e728b8dad3b18e512dba79e4c8300dd08",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "request 550e8400-e29b-41d4-a716-446655440000 done",
    "2026-06-12T10:00:00.123456Z took 1718186400123456 ns",
    "1718186400123456789 epoch in nanoseconds",
    "order 4111111111111112 stored",  # Luhn's sum is wrong
    "order 9111111111111111 stored",  # no issuer's
    "blk_4111111111111111 and blk_-1608999687919862906 of 67108864",
    "syntax error, unexpected token: else",
    'password authentication failed for user "app"',
    "PAM: password: incorrect",
    "password changed for bob; token expired",
    "max_tokens: 512 tokens=12",
    "GET http://host:8080/path@x by bob@example.com",
    "PASSWORD_FILE=/run/secrets/db",
    "private_key=/etc/ssl/private/site.pem",
    "bypass=1 compass: north",
    "cookie: not found",
    "session_id=12 opened for alice",
    "pam_unix(sshd:auth): check pass; user unknown",
    "foreign key: users_id, key=abc",
    "use --password-file /etc/x",
    "cvv: missing; otp sent to bob; isotope=12",
    "password is incorrect; new password is required",
    "cookies: 5 kept; cookies enabled: true",
    "DE88 3704 0044 0532 0130 00 has the wrong sum",
    "GB82WEST123456987654321 is too long",
    "integrity sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC",
    "redis-cli -h cache ping; docker login registry; ldapsearch -x",
    "monkey-business key-value 12:AA done",
    "<password/> <password></password>",
    "GET http://a@host:8080/path@x",
    "tcp 10.0.0.1:5432 -> 10.0.0.2:4111",
)


@pytest.mark.parametrize(("rule", "line", "secrets"), SECRETS)
def test_a_secret_is_masked_and_the_rest_stays(rule: str, line: str, secrets: str) -> None:
    masked = Masker().line(line)
    assert f"[masked:{rule}]" in masked
    for secret in [secrets, *secrets.split(" ")]:
        assert secret not in masked
    rest = map(re.escape, re.split(r"\[masked:[a-z-]+\]", masked))
    assert re.fullmatch(".+".join(rest), line)
    assert Masker().line(masked) == masked


@pytest.mark.parametrize("line", [*HARMLESS, *log_lines(200)])
def test_what_is_no_secret_stays(line: str) -> None:
    assert Masker().line(line) == line
    (shape,) = shapes(line.encode() + b"\n")
    assert Masker().shape(shape) == shape


@pytest.mark.parametrize(
    ("rule", "line", "secrets"), [one for one in SECRETS if one[0] not in ("card-number", "iban")]
)
def test_the_letters_of_a_secret_are_masked_in_shape_and_text(
    rule: str, line: str, secrets: str
) -> None:
    del rule
    (shape,) = shapes(line.encode() + b"\n")
    masked = Masker().shape(shape)
    assert PLACEHOLDER in masked
    assert Masker().shape(masked) == masked
    words = set(normalize(masked).split(" "))
    for secret in secrets.split(" "):
        (secret_shape,) = shapes(secret.encode() + b"\n")
        assert secret_shape not in masked
        if secret.isalpha():
            assert secret.lower() not in words


def test_nothing_but_digits_is_left_of_a_card_number_in_a_shape() -> None:
    assert shapes(b"card 4111 1111 1111 1111 refused\n") == [b"card 0000 0000 0000 0000 refused"]


def test_every_rule_masks_something() -> None:
    assert {rule for rule, _, _ in SECRETS} == set(NAMES)


def test_of_two_passwords_of_one_command_the_first_is_masked_and_it_stays_so() -> None:
    line = "mysql -u root -pfirst db -psecond"
    masked = "mysql -u root -p[masked:option] db -psecond"
    assert Masker().line(line) == Masker().line(masked) == masked


def test_a_rule_can_be_left_out() -> None:
    line = "password=hunter2 card 4111111111111111"
    assert Masker(["card-number"]).line(line) == "password=[masked:password] card 4111111111111111"
    assert Masker(NAMES).line(line) == line


def test_a_rule_of_the_configuration_masks_its_group_or_its_match() -> None:
    masker = Masker(own={"staff": r"staff-[0-9]{4,8}", "badge": r"badge (?P<secret>\w{1,9})"})
    assert masker.line("staff-1234 with badge abc") == "[masked:staff] with badge [masked:badge]"


@pytest.mark.parametrize(
    "part",
    [
        *("password=", '"password":"', "password ' ", "token = ", "secret=,", "authorization:"),
        *("http://a:", "://", "a.", "x-", "A1", "eyJ", "cookie=a=", "4111 ", "bearer ", "\\"),
        *("mysql ", "curl x ", "--password ", "identified by '", "xox", "sk-", "[masked:", "-----"),
        *(
            'password":"\\',
            'password=\\"a',
            "authorization: a=b,",
            'authorization: a="',
            "cookies={",
        ),
        *("<password>", "redis-cli -a ", "ldapx a ", "docker login ", "DE89 3704 ", "AA00", "0:AA"),
        *("--a-", "password is ", " Aa0+", "discord.com/api/webhooks/0/", "otp", "a@b://c:"),
        *("-----BEGIN PRIVATE KEY-----", "SG." + "a" * 50, "sshpass -p", "jsessionid="),
    ],
)
def test_no_line_makes_masking_slow(part: str) -> None:
    masker = Masker()
    times = []
    for size in (16_384, 65_536):
        line = part * (size // len(part))
        began = time.process_time()
        masker.line(line)
        times.append(time.process_time() - began)
    # four times the line, so some four times the time if it is linear, sixteen times if not
    assert times[1] < 10 * times[0] + 0.05
    assert times[1] < 2.0
