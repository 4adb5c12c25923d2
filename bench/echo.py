"""The peer of the HTTP figures: the least that a Flask application can do with a JSON body."""

from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.post("/echo")
def echo() -> Response:
    """The body again."""
    return jsonify(request.get_json())
