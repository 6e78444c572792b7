#!/usr/bin/python3
"""Asks Intune about one device as Cisco ISE does, and prints one JSON object per step.

It knows Microsoft's wire and nothing of the simulator: the two base URLs stand where
https://login.microsoftonline.com and https://graph.microsoft.com would. Exit code 0 when every step was answered
with 200, else 1.
"""
import argparse
import base64
import json
import sys
import uuid
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes

INTUNE_APP_ID = "0000000a-0000-0000-c000-000000000000"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--login-url", required=True, help="the login host, without the tenant")
    parser.add_argument("--graph-url", required=True)
    parser.add_argument("--graph-resource", default="https://graph.microsoft.com")
    parser.add_argument("--intune-resource", default="https://api.manage.microsoft.com/")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--certificate", required=True, help="PEM of the app's certificate")
    parser.add_argument("--private-key", required=True, help="PEM of its key")
    parser.add_argument("--ca", required=True, help="PEM of the root that signs the three hosts")
    parser.add_argument("--token-endpoint", choices=["v1", "v2"], required=True)
    parser.add_argument("--guid", required=True)
    parser.add_argument("--mac", required=True)
    return parser.parse_args()


def report(step, response, **facts):
    print(json.dumps({"step": step, "status": response.status_code, **facts}), flush=True)
    if response.status_code != 200:
        sys.exit(1)


def sign_assertion(arguments):
    """RS256, the SHA-1 thumbprint in standard base64 with its padding, and the v1 token URL as the audience always."""
    with open(arguments.certificate, "rb") as file:
        thumbprint = x509.load_pem_x509_certificate(file.read()).fingerprint(hashes.SHA1())
    with open(arguments.private_key, "rb") as file:
        private_key = file.read()
    now = datetime.now(timezone.utc)
    claims = {
        "aud": f"{arguments.login_url}/{arguments.tenant}/oauth2/token",
        "iss": arguments.client_id,
        "sub": arguments.client_id,
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": str(uuid.uuid4()),
    }
    x5t = base64.b64encode(thumbprint).decode()
    return jwt.encode(claims, private_key, algorithm="RS256", headers={"x5t": x5t})


def fetch_token(step, session, arguments, assertion, resource, v2_scope):
    form = {
        "client_assertion_type": ASSERTION_TYPE,
        "grant_type": "client_credentials",
        "client_assertion": assertion,
    }
    if arguments.token_endpoint == "v1":
        # The app's id is in the assertion alone.
        path = "oauth2/token"
        form.update({"resource": resource, "scope": "openid"})
    else:
        path = "oauth2/v2.0/token"
        form.update(
            {
                "client_info": "1",
                "client_id": arguments.client_id,
                "scope": f"openid {v2_scope} profile offline_access",
            }
        )
    response = session.post(f"{arguments.login_url}/{arguments.tenant}/{path}", data=form, timeout=10)
    body = response.json()
    token = body.get("access_token", "")
    claims = jwt.decode(token, options={"verify_signature": False}) if token else {}
    report(
        step,
        response,
        error=body.get("error_description", "").split("\r\n")[0],
        expiresIn=body.get("expires_in"),
        audience=claims.get("aud"),
        roles=claims.get("roles"),
    )
    return token


def discover(session, arguments, token):
    # The configured URL ends in a slash and the path begins with one; ISE sends both.
    url = f"{arguments.graph_url}//v1.0/servicePrincipals/appId={INTUNE_APP_ID}/endpoints"
    response = session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    rows = response.json().get("value", [])
    uris = {row["providerName"]: row["uri"] for row in rows}
    report("discovery", response, requested=response.request.path_url, uris=uris)
    return uris["NACAPIService"], uris["ComplianceRetrievalService"]


def local_name(element):
    return element.tag.rsplit("}", 1)[-1]


def fetch_xml(step, session, url, token):
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/xml"}
    response = session.get(url, headers=headers, timeout=10)
    facts = {}
    if response.status_code == 200:
        root = ElementTree.fromstring(response.content)
        facts["root"] = root.tag
        for element in root.iter():
            if len(element) == 0:
                facts.setdefault(local_name(element).lower(), element.text)
    report(step, response, contentType=response.headers.get("Content-Type"), facts=facts)


def main():
    arguments = parse_arguments()
    session = requests.Session()
    session.verify = arguments.ca
    session.trust_env = False
    assertion = sign_assertion(arguments)
    graph_scope = f"{arguments.graph_resource}/.default"
    graph_token = fetch_token(
        "graph token", session, arguments, assertion, arguments.graph_resource, graph_scope
    )
    nac, retrieval = discover(session, arguments, graph_token)
    # The name of the Intune API ends in a slash, and the scope has another one. The same assertion serves again.
    intune_scope = f"{arguments.intune_resource}/.default"
    token = fetch_token(
        "intune token", session, arguments, assertion, arguments.intune_resource, intune_scope
    )
    mac_query = f"paging=0&querycriteria=macaddress&value={arguments.mac}&filter=all"
    guid_query = f"paging=0&querycriteria=guid&value={arguments.guid}&filter=all"
    bulk_query = "paging=0&querycriteria=compliance&value=false&deviceidentifier=macaddress&filter=all"
    fetch_xml("v3 mdminfo", session, f"{retrieval}/ciscoise/mdminfo/?ise_api_version=3", token)
    fetch_xml("v3 guid", session, f"{retrieval}/cisco/devices/?{guid_query}", token)
    fetch_xml("v3 macaddress", session, f"{retrieval}/cisco/devices/?{mac_query}", token)
    fetch_xml("v3 noncompliant", session, f"{retrieval}/cisco/devices/?{bulk_query}", token)
    fetch_xml("v2 mdminfo", session, f"{nac}/ciscoise/mdminfo/?ise_api_version=2", token)
    fetch_xml("v2 macaddress", session, f"{nac}/ciscodeviceinfo/mdm/api/devices/?{mac_query}", token)


if __name__ == "__main__":
    main()
