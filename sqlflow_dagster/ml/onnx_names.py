"""What the input and the output of every exported ONNX graph are called."""

INPUT = "features"
OUTPUT = "answers"
