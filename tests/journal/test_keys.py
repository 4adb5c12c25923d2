"""Keys: what lies on disk, who can open it, what is derived, and that no secret is ever shown."""

import base64
import copy
import hashlib
import hmac
import pickle
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import KeysError
from ledger.journal.keys import (
    KeyRing,
    add_generation,
    create_keys,
    load_keys,
    read_passphrase,
)
from ledger.journal.pkcs8 import ScryptCost, Secret, encrypt
from ledger.tlog.errors import VkeyError
from ledger.tlog.note import open_note, parse_vkey, sign_note

ORIGIN = "points.example.org/log/beiyuan"
PASSPHRASE = b"correct horse battery staple"
CHEAP = ScryptCost(n=2, r=8, p=1)
SECOND_GENERATION = ["log-2.ed25519.pem", "log-2.mldsa44.pem"]
OF_THE_RING = [
    "document.ed25519.pem",
    "index.secret.pem",
    "log-1.ed25519.pem",
    "log-1.mldsa44.pem",
    *SECOND_GENERATION,
    "request.secret.pem",
]
FILES = sorted([*OF_THE_RING, "master-1.secret.pem"])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    created = tmp_path / "keys" / "beiyuan"
    create_keys(created, ORIGIN, PASSPHRASE, cost=CHEAP)
    return created


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    created = tmp_path_factory.mktemp("keys") / "beiyuan"
    create_keys(created, ORIGIN, PASSPHRASE, cost=CHEAP)
    return load_keys(created, ORIGIN, PASSPHRASE)


def seed(directory: Path, name: str) -> bytes:
    key = load_pem_private_key((directory / name).read_bytes(), PASSPHRASE)
    assert isinstance(key, Ed25519PrivateKey)
    return key.private_bytes_raw()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# --- making ---


def test_new_keys_are_for_their_owner_alone(directory: Path) -> None:
    assert names(directory) == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700
    assert names(directory.parent) == ["beiyuan"]


def test_every_file_is_encrypted_pkcs8_that_only_the_passphrase_opens(directory: Path) -> None:
    for path in directory.iterdir():
        pem = path.read_bytes()
        assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        assert load_pem_private_key(pem, PASSPHRASE)
        # Once in 256 times the wrong key's padding is in order, and what it pads is not.
        with pytest.raises(ValueError, match=r"Incorrect password|Could not deserialize"):
            load_pem_private_key(pem, b"wrong")


def test_the_cost_that_was_asked_for_is_in_the_file() -> None:
    def der(cost: ScryptCost) -> bytes:
        pem = encrypt(Ed25519PrivateKey.generate(), PASSPHRASE, cost)
        return base64.b64decode(b"".join(pem.splitlines()[1:-1]))

    # DER integers: 16,384 and 8 and 5 by default.
    assert bytes.fromhex("02024000 020108 020105") in der(ScryptCost())
    assert bytes.fromhex("020102 020108 020101") in der(CHEAP)


def test_no_two_ledgers_and_no_two_files_share_a_key(tmp_path: Path) -> None:
    seeds = []
    for name in ("one", "two"):
        create_keys(tmp_path / name, ORIGIN, PASSPHRASE, cost=CHEAP)
        for file in FILES:
            key = load_pem_private_key((tmp_path / name / file).read_bytes(), PASSPHRASE)
            seeds.append(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    assert len(set(seeds)) == len(seeds) == 16


def test_keys_are_never_overwritten(directory: Path) -> None:
    before = {path: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises(KeysError, match="not empty"):
        create_keys(directory, ORIGIN, PASSPHRASE, cost=CHEAP)
    assert {path: path.read_bytes() for path in directory.iterdir()} == before
    assert names(directory.parent) == ["beiyuan"]


def test_keys_that_appear_while_others_are_made_are_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "beiyuan"

    def encrypt_late(*arguments: object) -> bytes:
        directory.mkdir(exist_ok=True)
        (directory / "theirs").touch()
        return b""

    monkeypatch.setattr("ledger.journal.keys.encrypt", encrypt_late)
    with pytest.raises(KeysError, match="cannot be read or written"):
        create_keys(directory, ORIGIN, PASSPHRASE)
    assert names(directory) == ["theirs"]
    assert names(tmp_path) == ["beiyuan"]


def test_making_keys_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def encrypt_three_times(*arguments: object) -> bytes:
        made.append(arguments)
        if len(made) > 3:
            raise OSError(28, "No space left on device")
        return b""

    monkeypatch.setattr("ledger.journal.keys.encrypt", encrypt_three_times)
    with pytest.raises(KeysError, match="No space left"):
        create_keys(tmp_path / "beiyuan", ORIGIN, PASSPHRASE)
    assert names(tmp_path) == []


def test_an_origin_that_cannot_name_a_key_is_refused_before_anything_is_made(
    tmp_path: Path,
) -> None:
    with pytest.raises(VkeyError):
        create_keys(tmp_path / "beiyuan", "not a name", PASSPHRASE, cost=CHEAP)
    assert names(tmp_path) == []


@pytest.mark.parametrize("passphrase", [b"", b"x" * 1024])
def test_a_passphrase_that_is_empty_or_too_long_makes_no_keys(
    tmp_path: Path, passphrase: bytes
) -> None:
    with pytest.raises(KeysError, match="1 to 1023"):
        create_keys(tmp_path / "beiyuan", ORIGIN, passphrase, cost=CHEAP)
    assert names(tmp_path) == []


# --- loading ---


def test_loaded_keys_are_the_same_each_time(directory: Path) -> None:
    first, second = (load_keys(directory, ORIGIN, PASSPHRASE) for _ in range(2))
    assert first.generations == second.generations == (1, 2)
    for generation in first.generations:
        assert first.vkeys(generation) == second.vkeys(generation)
    assert first.document_signer.verifier == second.document_signer.verifier
    assert first.request_id("person/a", "k", 0) == second.request_id("person/a", "k", 0)


def test_the_log_keys_sign_a_checkpoint_under_the_origin(ring: KeyRing) -> None:
    text = f"{ORIGIN}\n0\n{base64.b64encode(hashlib.sha256().digest()).decode()}\n".encode()
    note = sign_note(text, ring.signers(1), 1_700_000_000)
    opened = open_note(note, [parse_vkey(vkey) for vkey in ring.vkeys(1)])
    assert [(line.name, line.timestamp) for line in opened.signatures] == [
        (ORIGIN, None),
        (ORIGIN, 1_700_000_000),
    ]


def test_the_document_key_has_a_name_and_a_key_of_its_own(ring: KeyRing) -> None:
    log_keys = {signer.verifier.public_key for n in ring.generations for signer in ring.signers(n)}
    assert ring.document_signer.verifier.name == f"{ORIGIN}/document"
    assert ring.document_signer.verifier.public_key not in log_keys
    assert len(log_keys) == 4


def test_a_generation_is_committed_to_by_the_hash_of_its_vkeys(ring: KeyRing) -> None:
    ed25519, mldsa44 = ring.vkeys(2)
    wanted = hashlib.sha256(f"{ed25519}\n{mldsa44}\n".encode()).digest()
    assert ring.vkeys_hash(2) == base64.b64encode(wanted).decode()
    assert ring.vkeys_hash(1) != ring.vkeys_hash(2)


def test_a_generation_that_is_not_here_is_named(ring: KeyRing) -> None:
    with pytest.raises(KeysError, match=r"generation 3 .* only 1, 2"):
        ring.signers(3)


def test_a_wrong_passphrase_opens_nothing(directory: Path) -> None:
    with pytest.raises(KeysError, match="the passphrase does not open it"):
        load_keys(directory, ORIGIN, b"wrong")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
@pytest.mark.parametrize("name", OF_THE_RING)
def test_a_file_that_others_may_use_is_refused_with_the_command_that_mends_it(
    directory: Path, name: str, mode: int
) -> None:
    path = directory / name
    path.chmod(mode)
    with pytest.raises(KeysError, match=f"mode {mode:04o}.*chmod 600 {path}$"):
        load_keys(directory, ORIGIN, PASSPHRASE)
    path.chmod(0o400)
    assert load_keys(directory, ORIGIN, PASSPHRASE).generations == (1, 2)


def test_a_directory_that_others_may_use_is_refused(directory: Path) -> None:
    directory.chmod(0o750)
    with pytest.raises(KeysError, match=f"mode 0750.*chmod 700 {directory}$"):
        load_keys(directory, ORIGIN, PASSPHRASE)


@pytest.mark.parametrize("name", OF_THE_RING)
def test_a_file_that_is_missing_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(KeysError, match=name):
        load_keys(directory, ORIGIN, PASSPHRASE)


def test_a_directory_without_log_keys_or_not_there_at_all_is_refused(directory: Path) -> None:
    for path in directory.glob("log-*"):
        path.unlink()
    with pytest.raises(KeysError, match="no log keys"):
        load_keys(directory, ORIGIN, PASSPHRASE)
    with pytest.raises(KeysError, match="absent cannot be read"):
        load_keys(directory.parent / "absent", ORIGIN, PASSPHRASE)


def test_old_log_keys_may_be_destroyed(directory: Path) -> None:
    for path in directory.glob("log-1.*"):
        path.unlink()
    assert load_keys(directory, ORIGIN, PASSPHRASE).generations == (2,)


def unencrypted(_pem: bytes) -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def of_another_kind(_pem: bytes) -> bytes:
    return encrypt(X25519PrivateKey.generate(), PASSPHRASE, CHEAP)


def cut_short(pem: bytes) -> bytes:
    return pem[:100]


@pytest.mark.parametrize(
    ("damage", "words"),
    [(unencrypted, "not encrypted"), (of_another_kind, "another kind"), (cut_short, "damaged")],
)
@pytest.mark.parametrize("name", OF_THE_RING)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    directory: Path, name: str, damage: Callable[[bytes], bytes], words: str
) -> None:
    path = directory / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(KeysError, match=f"{name}.*{words}"):
        load_keys(directory, ORIGIN, PASSPHRASE)


# --- rotating ---


def test_a_new_generation_joins_the_others(directory: Path) -> None:
    before = load_keys(directory, ORIGIN, PASSPHRASE)
    assert add_generation(directory, PASSPHRASE, cost=CHEAP) == 3
    after = load_keys(directory, ORIGIN, PASSPHRASE)
    assert after.generations == (1, 2, 3)
    assert [after.vkeys(n) for n in (1, 2)] == [before.vkeys(n) for n in (1, 2)]
    assert after.vkeys(3) not in [after.vkeys(1), after.vkeys(2)]
    assert names(directory) == sorted([*FILES, "log-3.ed25519.pem", "log-3.mldsa44.pem"])


def test_a_new_generation_under_another_passphrase_is_refused(directory: Path) -> None:
    with pytest.raises(KeysError, match="the passphrase does not open it"):
        add_generation(directory, b"another", cost=CHEAP)
    assert names(directory) == FILES


def test_half_a_generation_is_refused_until_somebody_looks(directory: Path) -> None:
    (directory / "log-2.mldsa44.pem").rename(directory / "log-3.mldsa44.pem")
    with pytest.raises(KeysError, match=r"lacks log-2.mldsa44.pem.*backup.*remove the other"):
        add_generation(directory, PASSPHRASE, cost=CHEAP)
    assert not (directory / "log-4.ed25519.pem").exists()


# --- what is derived ---

texts = st.text()  # without lone surrogates, which is what Hypothesis gives by default


@given(principal=texts, key=texts, index=st.integers(0, 2**53 - 1))
def test_a_request_id_is_an_hmac_over_jcs(
    ring: KeyRing, principal: str, key: str, index: int
) -> None:
    message = rfc8785.dumps([principal, key, index])
    wanted = hmac.digest(ring._request_secret, message, "sha256")
    assert ring.request_id(principal, key, index) == wanted


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 by the book: extract with a salt of zeros, expand to one block."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


@given(st.text(st.characters(max_codepoint=0x2100, exclude_categories=["Cs"])))
def test_control_characters_and_their_neighbours_are_escaped_as_jcs_wants(value: str) -> None:
    ring = KeyRing(ORIGIN, {}, None, Secret(b"request"), Secret(b"index"))  # type: ignore[arg-type]
    wanted = hmac.digest(b"request", rfc8785.dumps([value, "k", 0]), "sha256")
    assert ring.request_id(value, "k", 0) == wanted


@given(field=texts, value=texts)
def test_a_blind_index_is_an_hmac_under_a_key_of_its_field(field: str, value: str) -> None:
    ring = KeyRing(ORIGIN, {}, None, Secret(b"request"), Secret(b"index"))  # type: ignore[arg-type]
    key = hkdf(b"index", b"points/index/v1\n" + field.encode())
    assert ring.blind_index(field, value) == hmac.digest(key, value.encode(), "sha256")


def test_the_secrets_are_the_ones_on_disk(directory: Path) -> None:
    ring = load_keys(directory, ORIGIN, PASSPHRASE)
    request, index = (seed(directory, f"{name}.secret.pem") for name in ("request", "index"))
    assert ring.request_id("person/a", "键", 7) == hmac.digest(
        request, '["person/a","键",7]'.encode(), "sha256"
    )
    wanted = hmac.digest(hkdf(index, b"points/index/v1\nphone"), b"1", "sha256")
    assert ring.blind_index("phone", "1") == wanted
    assert request != index


def test_request_ids_tell_every_part_apart(ring: KeyRing) -> None:
    ids = [
        ring.request_id("person/a", "k", 0),
        ring.request_id("person/a", "k", 1),
        ring.request_id("person/a", "K", 0),
        ring.request_id("person/b", "k", 0),
        ring.request_id('person/a","k', "", 0),
        ring.fingerprint(b'["person/a","k",0]'),
        ring.blind_index("person/a", "k"),
    ]
    assert len(set(ids)) == len(ids)


def test_a_blind_index_depends_on_its_field(ring: KeyRing) -> None:
    assert ring.blind_index("phone", "1") == ring.blind_index("phone", "1")
    assert ring.blind_index("phone", "1") != ring.blind_index("email", "1")


@pytest.mark.parametrize("index", [-1, 2**53])
def test_an_index_that_jcs_cannot_write_is_refused(ring: KeyRing, index: int) -> None:
    with pytest.raises(ValueError, match="wanted 0 to 9007199254740991"):
        ring.request_id("person/a", "k", index)


def test_half_a_character_is_refused(ring: KeyRing) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        ring.request_id("person/a", "\ud83d", 0)


# --- secrets stay secret ---


def test_keys_show_nothing_and_cannot_be_copied(ring: KeyRing) -> None:
    assert repr(ring) == str(ring) == f"<keys of {ORIGIN}, generations 1, 2>"
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled or copied"):
            copied(ring)


def test_a_secret_is_never_written_out() -> None:
    secret = Secret(PASSPHRASE)
    assert secret == PASSPHRASE
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}"):
        assert "horse" not in shown
        assert "28 bytes" in shown


@pytest.mark.parametrize("wrong", ["passphrase", "mode", "damage"])
def test_a_refusal_shows_no_secret_even_with_the_variables_of_every_frame(
    directory: Path, tmp_path: Path, wrong: str
) -> None:
    # Given a passphrase as read_passphrase gives it, whether right or not, and one fault,
    secret = b"other" if wrong == "passphrase" else PASSPHRASE
    (tmp_path / "passphrase").write_bytes(secret)
    (tmp_path / "passphrase").chmod(0o600)
    passphrase = read_passphrase(tmp_path / "passphrase", {})
    seeds = [seed(directory, name) for name in ("request.secret.pem", "index.secret.pem")]
    # the fault being in what is opened last, after the secrets,
    if wrong == "mode":
        (directory / "index.secret.pem").chmod(0o644)
    if wrong == "damage":
        (directory / "index.secret.pem").write_bytes(b"nothing")
    # when loading is refused, then neither the message nor any frame below the test shows them.
    with pytest.raises(KeysError) as caught:
        load_keys(directory, ORIGIN, passphrase)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    below = list(frames.stack)[1:]
    shown = str(caught.value) + "".join(str(frame.locals) for frame in below)
    assert len(below) > 2
    for forbidden in (secret, *seeds):
        assert repr(bytes(forbidden))[2:-1] not in shown


# --- the passphrase ---


@pytest.mark.parametrize("content", [b"secret", b"secret\n", b"secret\r\n"])
def test_a_passphrase_comes_from_a_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    file.chmod(0o600)
    assert read_passphrase(file, {"POINTS_PASSPHRASE": "from elsewhere"}) == b"secret"


def test_spaces_and_inner_newlines_belong_to_the_passphrase(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(b" two\nlines \n\n")
    file.chmod(0o600)
    assert read_passphrase(file, {}) == b" two\nlines \n"


def test_a_passphrase_comes_from_the_environment() -> None:
    passphrase = read_passphrase(None, {"POINTS_PASSPHRASE": "志愿"})
    assert passphrase == "志愿".encode()
    assert "bytes>" in repr(passphrase)


def test_without_a_passphrase_the_refusal_says_where_to_put_one() -> None:
    with pytest.raises(KeysError, match="POINTS_PASSPHRASE"):
        read_passphrase(None, {})


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="0 bytes"):
        read_passphrase(None, {"POINTS_PASSPHRASE": ""})
    file = tmp_path / "passphrase"
    file.write_bytes(b"\n")
    file.chmod(0o600)
    with pytest.raises(KeysError, match="0 bytes"):
        read_passphrase(file, {})


def test_a_passphrase_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pass phrase"
    file.write_bytes(b"secret")
    file.chmod(0o644)
    with pytest.raises(KeysError, match=r"mode 0644.*chmod 600 '.*pass phrase'") as caught:
        read_passphrase(file, {})
    assert "secret" not in str(caught.value)


def test_a_passphrase_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="absent cannot be read"):
        read_passphrase(tmp_path / "absent", {})
