"""Code that CloudFormation runs while it makes a stack, each file whole in the template that uses it."""
