"""The chat template of Qwen3-ASR: system text, audio, and the assistant's turns if there are any.

It gives the prompt of ``tokens/``. QwenLM's own folders have a template without the assistant's
turns, with which transformers can force no language.
"""

_AUDIO = "<|audio_start|><|audio_pad|><|audio_end|>"
_PARTS_OF = """
{%- macro parts_of(message) -%}
{%- if message.content is string -%}{{- message.content -}}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'text' -%}{{- part.text -}}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro -%}"""
_AUDIO_OF = f"""
{{%- macro audio_of(message) -%}}
{{%- if message.content is not string -%}}
{{%- for part in message.content -%}}
{{%- if part.type == 'audio' -%}}{{{{- '{_AUDIO}' -}}}}{{%- endif -%}}
{{%- endfor -%}}
{{%- endif -%}}
{{%- endmacro -%}}"""
_TURNS = r"""
{{- '<|im_start|>system\n' -}}
{%- for message in messages if message.role == 'system' -%}{{- parts_of(message) -}}{%- endfor -%}
{{- '<|im_end|>\n<|im_start|>user\n' -}}
{%- for message in messages -%}{{- audio_of(message) -}}{%- endfor -%}
{{- '<|im_end|>\n' -}}
{%- for message in messages if message.role == 'assistant' -%}
{{- '<|im_start|>assistant\n' -}}{%- generation -%}{{- parts_of(message) + '<|im_end|>\n' -}}
{%- endgeneration -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"""
CHAT_TEMPLATE = (_PARTS_OF + _AUDIO_OF + _TURNS).strip()
