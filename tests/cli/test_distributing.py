"""`points distribute` where it cannot: one sentence, and nothing is changed."""

from tests.cli.conftest import Terminal


def test_a_database_without_citus_is_refused_in_one_sentence(either: Terminal) -> None:
    # given a database on one machine, SQLite or PostgreSQL
    dialect = either.environ["POINTS_DATABASE_URL"].partition(":")[0]
    sentences = {"sqlite": "An SQLite database stays", "postgresql": "This PostgreSQL database has"}
    # when it is to be distributed, then the sentence says why not, and it works as before
    assert either.complaint("distribute").startswith(sentences[dialect])
    assert either.complaint("distribute", "--shards", "4").startswith(sentences[dialect])
    either.found()


def test_the_number_of_shards_is_bounded(terminal: Terminal) -> None:
    for shards in ("0", "1025", "many"):
        assert "--shards" in terminal("distribute", "--shards", shards, exits=2).stderr
