"""Reads a mail from standard input and says in JSON what a reader of mails makes of it."""

import base64
import email
import email.policy
import json
import sys

message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = [
    {
        "type": part.get_content_type(),
        "charset": part.get_content_charset(),
        "method": part["Content-Type"].params.get("method"),
        "disposition": part.get_content_disposition(),
        "file_name": part.get_filename(),
        "content": base64.b64encode(part.get_payload(decode=True)).decode(),
        "defects": [str(defect) for defect in part.defects],
    }
    for part in message.walk()
    if not part.is_multipart()
]
mailboxes = {
    name: [[box.display_name, box.addr_spec] for box in message[name].addresses] for name in ("From", "To")
}
header_defects = [str(defect) for _, header in message.items() for defect in header.defects]
json.dump(
    {
        "headers": [[name, str(value)] for name, value in message.items()],
        "mailboxes": mailboxes,
        "structure": [part.get_content_type() for part in message.walk()],
        "parts": parts,
        "defects": [str(defect) for defect in message.defects] + header_defects,
    },
    sys.stdout,
)
