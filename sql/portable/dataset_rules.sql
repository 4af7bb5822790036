-- dataset_rules: what a dataset is judged by. core/src/dataset/rules says why; a rule's severity is that of the default profile.
create or replace function lora.dataset_rules()
returns table (code text, severity text, severities jsonb, once boolean, title text, suggestion text, portable boolean)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select rule.code, rule.brightrun,
    pg_catalog.jsonb_build_object(
      'brightrun', rule.brightrun, 'openai', rule.openai, 'mistral', rule.mistral, 'together', rule.together),
    rule.once, rule.title, rule.suggestion, rule.portable
  from (values
    -- Generated: rules of datasets.
    ('empty_file', 'error', 'error', 'error', 'error', false, 'a file without content', 'Upload a JSONL file with one training example on each line.', true),
    ('binary_file', 'error', 'error', 'error', 'error', false, 'a file that is compressed or in a binary format', 'Unpack or convert the file, and upload the JSONL text itself.', true),
    ('json_array', 'error', 'error', 'error', 'error', false, 'a JSON array in place of one object on each line', 'Write each element on a line of its own, without the brackets and commas; jq -c ''.[]'' does it.', true),
    ('csv_file', 'error', 'error', 'error', 'error', false, 'a table of comma- or tab-separated values', 'Convert each row to a JSON object on a line of its own, such as {"prompt": …, "completion": …}.', true),
    ('pretty_printed', 'error', 'error', 'error', 'error', false, 'objects that are spread over several lines', 'Write each object on one line; jq -c . does it.', true),
    ('document_too_large', 'error', 'error', 'error', 'error', false, 'a JSON document of more than 64 MB', 'Export the training pairs as JSONL, one on each line: there is no such limit for lines.', true),
    ('file_too_large', 'error', 'error', 'error', 'error', false, 'a file larger than the profile''s limit', 'Split the file, or leave examples out.', true),
    ('shape_not_accepted', 'error', 'error', 'error', 'error', false, 'a shape that the profile''s consumer does not read', 'Convert the examples to {"messages": [{"role", "content"}, …]}, or validate for another profile.', true),
    ('too_few_examples', 'error', 'error', 'error', 'error', false, 'fewer training examples than required, or none with a pair', 'Add examples that are no validation ones: each needs a user message with the assistant''s reply to it.', true),
    ('too_many_examples', 'error', 'error', 'error', 'error', false, 'more training pairs than the profile''s limit', 'Split the file, or leave examples out.', true),
    ('mixed_shapes', 'error', 'error', 'error', 'error', false, 'a line of another shape than the first example', 'Keep one shape in each file; split the file in two.', true),
    ('declared_count_mismatch', 'warning', 'warning', 'warning', 'warning', false, 'a declared count that differs from the counted one', 'Correct the declared count, or leave it out; exporters often count messages there.', true),
    ('declared_format_mismatch', 'warning', 'warning', 'warning', 'warning', false, 'a declared format that differs from the shape that was found', 'Correct the dataset''s "format"; the shape that was found is the one that counts.', true),
    ('comparison_limited', 'warning', 'warning', 'warning', 'warning', false, 'more examples than are compared with each other', 'Nothing to do; repeats, conflicts and leakage among later examples are not looked for.', true),
    ('invalid_utf8', 'error', 'error', 'error', 'error', false, 'a line that is not UTF-8', 'Save the file as UTF-8.', true),
    ('line_too_long', 'error', 'error', 'error', 'error', false, 'a line longer than 16 MB', 'Check that the file has one example on each line and that no line end was lost.', true),
    ('byte_order_mark', 'warning', 'warning', 'warning', 'warning', false, 'a byte order mark before line 1', 'Save the file as UTF-8 without a byte order mark; some trainers refuse it.', true),
    ('blank_line', 'warning', 'warning', 'warning', 'warning', true, 'blank lines', 'Remove blank lines; some trainers stop at the first one.', true),
    ('crlf', 'info', 'info', 'info', 'info', true, 'lines that end in CR LF', 'Save the file with LF line ends to keep its digest stable.', true),
    ('invalid_json', 'error', 'error', 'error', 'error', false, 'a line that is not valid JSON', 'Write each example as one complete JSON object on one line.', true),
    ('non_finite_number', 'error', 'error', 'error', 'error', false, 'NaN or Infinity in place of a number', 'Write null, or leave the field out: JSON has no NaN and no Infinity.', true),
    ('number_out_of_range', 'error', 'error', 'error', 'error', false, 'a number beyond the range of a double', 'Write the number as text, or leave it out.', true),
    ('unpaired_surrogate', 'error', 'error', 'error', 'error', false, 'half of a surrogate pair in a \u escape', 'Write the whole character; text was cut in the middle of one, often of an emoji.', true),
    ('nesting_too_deep', 'error', 'error', 'error', 'error', false, 'JSON nested deeper than 64 levels', 'Flatten the object; no format that is accepted here nests that deep.', true),
    ('too_many_values', 'error', 'error', 'error', 'error', false, 'an example with more than 200000 keys and values', 'Split the example into several lines.', true),
    ('duplicate_key', 'error', 'error', 'error', 'error', false, 'a key that stands twice in one object', 'Keep one of the two; parsers disagree on which one counts.', true),
    ('nul_character', 'error', 'error', 'error', 'error', false, 'a NUL character (\u0000) in a string', 'Remove the NUL character; databases and tokenizers refuse it.', true),
    ('not_an_object', 'error', 'error', 'error', 'error', false, 'a line that is not a JSON object', 'Write one JSON object on each line, not an array or a bare value.', true),
    ('unrecognised_line', 'error', 'error', 'error', 'error', false, 'an object of no known shape', 'Use one of the shapes of the documentation, such as {"messages": [{"role", "content"}, …]}.', true),
    ('preference_data', 'error', 'error', 'error', 'error', false, 'preference data (chosen and rejected replies)', 'LoRA training takes one reply for each prompt: keep the chosen one as the assistant''s message.', true),
    ('image_data', 'error', 'error', 'error', 'error', false, 'an image in a message', 'Describe the image in words, or leave the example out: only text is trained on.', true),
    ('document_among_lines', 'error', 'error', 'error', 'error', false, 'a whole JSON document on a line beside others', 'Upload the document by itself, or export its training pairs as JSONL.', true),
    ('header_not_first', 'warning', 'warning', 'warning', 'warning', false, 'a header that is not on line 1', 'Move the line with "_meta" to the top; elsewhere it is ignored.', true),
    ('unknown_version', 'warning', 'warning', 'warning', 'warning', false, 'a header with a version other than 4.x or 5.x', 'Check that the file was written for this application; its lines are read as version 4.', true),
    ('missing_field', 'error', 'error', 'error', 'error', false, 'a required field that is missing', 'Add the field.', true),
    ('wrong_type', 'error', 'error', 'error', 'error', false, 'a field of the wrong type', 'Give the field the type that the format asks for.', true),
    ('unknown_key', 'warning', 'warning', 'warning', 'warning', false, 'a key that the shape does not have', 'Check the spelling; the field is not trained on, and some providers refuse it. Put data of your own below "metadata".', true),
    ('unknown_split', 'warning', 'warning', 'warning', 'warning', false, 'a split that is neither train nor validation', 'Use "train" or "validation"; an example of any other split is trained on.', true),
    ('empty_conversation', 'error', 'error', 'error', 'error', false, 'a conversation without messages', 'Add at least one user message and the assistant''s reply.', true),
    ('unknown_role', 'error', 'error', 'error', 'error', false, 'an unknown role', 'Use "system", "user", "assistant" or "tool".', true),
    ('no_assistant_message', 'error', 'error', 'error', 'error', false, 'a conversation without an assistant message', 'Add the assistant''s reply; without one there is nothing to learn from.', true),
    ('last_not_assistant', 'error', 'error', 'error', 'error', false, 'a conversation that does not end with the assistant', 'Remove the unanswered last message, or add the reply.', true),
    ('roles_not_alternating', 'warning', 'warning', 'error', 'error', false, 'two messages of one role in a row', 'Join the two messages, or add the one that is missing between them.', true),
    ('first_not_user', 'warning', 'warning', 'error', 'error', false, 'a conversation that does not begin with the user', 'Begin with a user message, after the system message if there is one.', true),
    ('system_not_first', 'warning', 'warning', 'error', 'error', false, 'a system message after the first message', 'Put the system message first, and only once.', true),
    ('invalid_weight', 'error', 'error', 'error', 'error', false, 'a weight other than 0 and 1', 'Use 1 for a message to learn from and 0 for one to leave out of the loss.', true),
    ('all_weights_zero', 'error', 'error', 'error', 'error', false, 'a conversation whose assistant messages all have weight 0', 'Give at least one assistant message the weight 1, or remove the example.', true),
    ('empty_content', 'error', 'error', 'error', 'error', false, 'text that is empty, blank or only invisible characters', 'Fill in the text, or leave out what has none: the message, or the example.', true),
    ('padded_content', 'warning', 'warning', 'warning', 'warning', false, 'text that begins or ends with white space', 'Trim the text: the model learns the white space too.', true),
    ('junk_content', 'warning', 'warning', 'warning', 'warning', false, 'text that is only NaN, null, undefined or the like', 'Fill in the text, or remove the example: a program wrote its word for a missing value.', true),
    ('control_token', 'warning', 'warning', 'warning', 'warning', false, 'a control token of a chat template in a text', 'Remove the token: the trainer''s own template adds it, and in a text it breaks the conversation apart.', true),
    ('replacement_character', 'warning', 'warning', 'warning', 'warning', false, 'the replacement character U+FFFD in a text', 'Decode the source again with its own encoding: a character was lost here.', true),
    ('control_character', 'warning', 'warning', 'warning', 'warning', false, 'a control character in a text', 'Remove the character; only tab, line feed and carriage return belong in a text.', true),
    ('invalid_tool_call', 'error', 'error', 'error', 'error', false, 'a tool call without id, name or arguments', 'Give each call an "id" and a "function" with "name" and "arguments".', true),
    ('invalid_tool_arguments', 'error', 'error', 'error', 'error', false, 'arguments of a tool call that are not a JSON object in a string', 'Write the arguments as a string that is itself a JSON object, such as "{\"city\": \"Paris\"}".', true),
    ('unknown_tool_result', 'error', 'error', 'error', 'error', false, 'a tool message that answers no call', 'Set "tool_call_id" to the id of a call before it that has no answer yet.', true),
    ('missing_tool_result', 'warning', 'warning', 'warning', 'warning', false, 'a tool call that is not answered before the conversation goes on', 'Add a message of the role "tool" with the call''s id; a call as the last message needs none.', true),
    ('undeclared_tool', 'warning', 'warning', 'warning', 'warning', false, 'a called tool that "tools" does not declare', 'Add the tool to "tools", so that the model sees what it may call.', true),
    ('null_target', 'warning', 'warning', 'warning', 'warning', true, 'lines whose target_response is null', 'Nothing to do if these turns are meant to be unanswered; they are no pairs.', true),
    ('input_repeated_in_history', 'warning', 'warning', 'warning', 'warning', true, 'a history that already ends with the current input', 'Leave the current input out of "conversation_history"; a trainer that appends it shows two user messages in a row.', true),
    ('history_length_mismatch', 'warning', 'warning', 'warning', 'warning', true, 'a history whose length does not fit turn_number', 'A pair at message "turn_number" has "turn_number" − 1 messages before it: add the missing ones, or correct the number.', true),
    ('turn_not_increasing', 'warning', 'warning', 'warning', 'warning', false, 'a turn_number that is not above the one before it in its conversation', 'Sort the pairs of each conversation by "turn_number", and number them once.', true),
    ('missing_scaffolding', 'warning', 'warning', 'warning', 'warning', true, 'conversation_metadata without all of its scaffolding keys', 'Add persona_archetype, emotional_arc, emotional_arc_key, training_topic and training_topic_key.', true),
    ('missing_emotion', 'warning', 'warning', 'warning', 'warning', true, 'an emotional_context without primary emotion or its confidence', 'Add detected_emotions.primary and detected_emotions.primary_confidence.', true),
    ('criterion_out_of_range', 'warning', 'warning', 'warning', 'warning', false, 'a quality score or criterion outside of 1 to 5', 'Use a number from 1 to 5.', true),
    ('low_quality_score', 'warning', 'warning', 'warning', 'warning', false, 'a quality_score below 2.5', 'Improve the pair or leave it out: the format asks for 2.5 and more in production.', true),
    ('metadata_conflict', 'warning', 'warning', 'warning', 'warning', false, 'one conversation_id with two different scaffoldings in conversation_metadata', 'Give all pairs of a conversation the same metadata, or the conversations ids of their own.', true),
    ('window_overflow', 'warning', 'warning', 'warning', 'warning', false, 'an example longer than the model''s window', 'Shorten the example or split the conversation: what is beyond the window is cut off.', true),
    ('reply_truncated', 'warning', 'error', 'error', 'error', false, 'an example whose last reply lies beyond the model''s window', 'Shorten what stands before the reply: truncation leaves nothing of it to learn from.', true),
    ('duplicate_id', 'error', 'error', 'error', 'error', false, 'an id that an earlier line has already', 'Give each example an id of its own.', true),
    ('duplicate_example', 'warning', 'warning', 'warning', 'warning', false, 'an example that an earlier line holds already', 'Remove one of the two, unless the example is meant to count twice.', true),
    ('conflicting_reply', 'warning', 'warning', 'warning', 'warning', false, 'a prompt that an earlier line answers differently', 'Keep the better reply: the model cannot learn both.', true),
    ('validation_example_in_training', 'error', 'error', 'error', 'error', false, 'a validation example that is also trained on', 'Remove it from one of the two splits: a model passes a test that it has learned by heart.', true),
    ('validation_prompt_in_training', 'warning', 'warning', 'warning', 'warning', false, 'a validation prompt that is also trained on, with another reply', 'Use prompts for validation that training does not see.', true)
    -- End.
  ) as rule (code, brightrun, openai, mistral, together, once, title, suggestion, portable);
end
$$;
comment on function lora.dataset_rules() is
  'Lists the rules of dataset validation: severities by profile, whether a finding stands for the whole file, what to do, and whether the portable edition tells it';
grant execute on function lora.dataset_rules() to public;
