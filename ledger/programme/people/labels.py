"""What kinds of records, their fields and columns are called, in Chinese and English.

What has no label is called by its own word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Label(NamedTuple):
    """What something is called."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.zh if self.zh == self.en else f"{self.zh} · {self.en}"


KINDS: Mapping[str, Label] = {
    "attainment": Label("培训、资质与保险", "Training, qualification or insurance"),
    "basics": Label("基本信息", "Basics"),
    "consent": Label("同意", "Consent"),
    "correction": Label("代为更正的理由", "Why basics were corrected for somebody"),
    "erasure-request": Label("删除申请", "Request for erasure"),
    "evidence": Label("证据材料", "Evidence: a scan or photograph of paper"),
    "message": Label("消息", "Message"),
}

FIELDS: Mapping[str, Label] = {
    "about": Label("关于", "About"),
    "area": Label("居住区域", "Area of residence"),
    "basics_version": Label("更正后的版本", "Version that came of it"),
    "bytes": Label("字节数", "Bytes"),
    "birth_date": Label("出生日期", "Date of birth"),
    "called": Label("希望的称呼", "Name as one likes it"),
    "document_kind": Label("证件类型", "Kind of document"),
    "document_number": Label("证件号码", "Document number"),
    "email": Label("电子邮箱", "E-mail"),
    "first": Label("起始日期", "From"),
    "full_name": Label("姓名", "Name"),
    "how": Label("方式", "How"),
    "issuer": Label("颁发单位", "Issuer"),
    "kind": Label("类别", "Kind"),
    "last": Label("截止日期", "To"),
    "media_type": Label("文件类型", "Kind of file"),
    "notice": Label("告知书版本", "Version of the notice"),
    "notice_hash": Label("告知书哈希", "Hash of the notice"),
    "number": Label("编号", "Number"),
    "outcome": Label("处理结果", "Outcome"),
    "phone": Label("电话", "Telephone"),
    "purpose": Label("目的", "Purpose"),
    "reason": Label("理由", "Reason"),
    "result": Label("结果", "Result"),
    "service_categories": Label("服务类别", "Service categories"),
    "sha256": Label("文件的 SHA-256", "SHA-256 of the file"),
    "sex": Label("性别", "Sex"),
    "skills": Label("技能", "Skills"),
    "state": Label("状态", "State"),
    "title": Label("标题", "Title"),
    "what": Label("内容", "What"),
}

COLUMNS: Mapping[str, Label] = {
    "action": Label("操作", "Action"),
    "actor": Label("操作人", "Who"),
    "at": Label("时间（UTC）", "Time (UTC)"),
    "by": Label("记录人", "By"),
    "commitment": Label("承诺值", "Commitment"),
    "field": Label("项目", "Field"),
    "id": Label("标识", "Id"),
    "kind": Label("类别", "Kind"),
    "outcome": Label("结果", "Outcome"),
    "roles": Label("角色", "Roles"),
    "subject": Label("涉及", "About"),
    "value": Label("内容", "Value"),
    "version": Label("版本", "Version"),
}


def label(words: Mapping[str, Label], word: str) -> Label:
    """What a word is called."""
    return words.get(word, Label(word, word))
