"""Kinds of organisations and their sub-kinds, as words with what they are called."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, tuple[str, str]] = {
    "community": ("社区", "community"),
    "social-organisation": ("社会组织", "social organisation"),
    "enterprise": ("企业", "enterprise"),
    "office": ("党建办公室", "office"),
    "alliance": ("联盟", "alliance or federation"),
    "pool": ("公共池", "pool"),
}
"""By word: what it is called in Chinese and in English."""

_PUBLIC = {
    "government-body": ("机关", "government body"),
    "public-institution": ("事业单位", "public institution"),
    "school": ("学校", "school"),
}
"""They may govern a programme, or take part in one with their people as enterprises do."""

SUBKINDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "community": {
        "residents-committee": ("居民委员会", "residents' committee"),
        "service-station": ("社区服务站", "community service station"),
        "self-organised": ("社区自组织", "self-organised group of residents"),
    },
    "social-organisation": {
        "foundation": ("基金会", "foundation"),
        "private-non-enterprise": ("社会服务机构", "social service agency"),
        "association": ("社会团体", "association"),
    },
    "enterprise": {
        "state-owned": ("国有企业", "state-owned enterprise"),
        "private": ("民营企业", "private enterprise"),
        "foreign-invested": ("外商投资企业", "foreign-invested enterprise"),
        "sole-trader": ("个体工商户", "sole trader"),
        **_PUBLIC,
    },
    "office": _PUBLIC,
    "alliance": {
        "volunteer-alliance": ("志愿服务联盟", "volunteer alliance"),
        "federation": ("联合会", "federation"),
    },
    "pool": {},
}
"""By kind: its sub-kinds, by word, with what they are called in Chinese and in English."""
