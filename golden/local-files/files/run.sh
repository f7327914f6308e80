#!/bin/bash
# Not a template: {{ x }}, {% if %} and ${#array[@]} stay; {{output}} is bound.
array=(a b c)
echo "${#array[@]} words, $(date)" > {{output}}/words.txt
cat /etc/app/config.ini
