"""Stands in for a browser and the person before it: opens Egnyte's page, answers it, and follows where it is sent.

`python browser.py URL`; the environment's BROWSER_ANSWER is `allow` or `deny`. Prints where it was sent at last.
"""

import os
import re
import sys
from urllib.parse import urljoin

import httpx


def answered(page_url: str, answer: str) -> str:
    """Where Egnyte sends the browser after `answer` on its page; the text of a page that shows a code instead."""
    with httpx.Client(trust_env=False, timeout=20) as client:
        page = client.get(page_url)
        if page.status_code != httpx.codes.OK:
            return page.text
        fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        action = re.search(r'action="([^"]+)"', page.text)
        assert action is not None
        sent = client.post(urljoin(page_url, action[1]), data=fields | {"answer": answer})
        return str(sent.headers.get("location", sent.text))


if __name__ == "__main__":
    target = answered(sys.argv[1], os.environ.get("BROWSER_ANSWER", "allow"))
    httpx.get(target, trust_env=False, timeout=20)
