"""The notices of the sample programme: plain words, to be written anew by whoever runs a real one.

They are an example and no legal advice.  `docs/joining.md` says what a notice has to tell.
"""

from __future__ import annotations

from ledger.programme.people.notices import Parts

_HOLDER = {
    "zh": "北苑街道党建办公室（示例项目，非真实单位）。",
    "en": "The office of Beiyuan sub-district (a sample: there is no such office).",
}
_CONTACT = {"zh": "到街道服务台，或致电 010-0000 0000。", "en": "At its desk, or 010-0000 0000."}
_RIGHTS = {
    "zh": "您可以随时查阅、复制、更正或要求删除，也可以撤回同意；撤回不影响此前已做的事。"
    "请到服务台办理，或登录后自行办理。",
    "en": "You may read, copy and correct it, ask for its erasure, and withdraw your consent at any"
    " time; what was done before stays right. At the desk, or by yourself when signed in.",
}


def _notice(purpose: str, method: str, kinds: str, retention: str) -> Parts:
    """A notice from its parts, each `中文|English`."""
    said = {"purpose": purpose, "method": method, "kinds": kinds, "retention": retention}
    told = {
        part: dict(zip(("zh", "en"), text.split("|"), strict=True)) for part, text in said.items()
    }
    return {"holder": _HOLDER, "contact": _CONTACT, **told, "rights": _RIGHTS}


NOTICES: dict[str, Parts] = {
    "recording": _notice(
        "记录您的志愿服务时间和积分。|To record your hours of service and your points.",
        "加密保存；姓名和联系方式不写入公开的账本。"
        "|Kept encrypted; your name and contact are not in the public log.",
        "姓名、电话或邮箱、服务记录和积分。"
        "|Your name, telephone or e-mail, your service and your points.",
        "退出后保存十年，随后销毁。|Ten years after you leave; then it is destroyed.",
    ),
    "employer": _notice(
        "让您所在的单位看到您的姓名和服务时间。"
        "|To show your name and hours to the organisation that you belong to.",
        "只给该单位看；不含积分余额和兑换。"
        "|Shown to it alone; without your balance and what you redeemed.",
        "姓名和服务时间。|Your name and your hours.",
        "直到您撤回或离开该单位。|Until you withdraw it, or leave the organisation.",
    ),
    "public": _notice(
        "在光荣榜等公开场合展示您的姓名。|To show your name in public, as in a list of honours.",
        "在街道公众号和公告栏展示。|On the sub-district's page and its notice board.",
        "姓名和荣誉。|Your name, and what you are honoured for.",
        "直到您撤回。|Until you withdraw it.",
    ),
    "photos": _notice(
        "刊登能认出您的活动照片。|To publish pictures in which you can be recognised.",
        "在街道公众号刊登，不转交他人。|On the sub-district's page; they are given to nobody.",
        "照片。|Pictures.",
        "两年，或直到您撤回。|Two years, or until you withdraw it.",
    ),
}
