"""The rows of what may go wrong, each with the test that holds us to what happens then."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = {
    "test_reliability_contents.py": {
        "not UTF-8": "not_utf8_nul_bytes_and_binary_files",
        "NUL bytes": "not_utf8_nul_bytes_and_binary_files",
        "binary file with a known name": "not_utf8_nul_bytes_and_binary_files",
        "UTF-8 with a mark": "byte_order_mark_is_no_part_of_positions",
        "UTF-16 and UTF-32": "utf16_and_utf32_are_yaml_without_fixes",
        "CRLF": "crlf_is_a_line_end_that_a_fix_keeps",
        "lone CR": "lone_carriage_return_is_no_line_end",
        "control and bidi characters": "control_bidi_and_invisible_characters_are_shown_escaped",
        "empty file": "empty_files_are_checked_and_only_a_dockerfile_needs_more",
        "no final newline": "missing_final_newline_is_as_if_there",
        "50 MB file": "large_file_is_not_read",
        "5 MB line": "line_of_5_mb_is_over_the_limit",
        "alias bomb": "alias_bomb_is_over_the_limit_and_never_printed",
        "alias cycle": "alias_cycle_ends",
        "deep nesting": "deep_nesting_is_over_the_limit_and_the_process_lives",
        "duplicate keys": "duplicate_keys_are_found_and_the_last_counts",
        "tags": "tags_are_never_constructed",
        "merge keys": "merge_keys_are_resolved_and_a_wrong_one_is_a_syntax_error",
        "surprises of YAML 1.1": "surprises_of_yaml_1_1_are_text",
        "broken document": "documents_before_a_broken_one_are_judged",
        "template text": "text_of_templates_is_no_syntax_error",
        "conflict markers": "conflict_markers_are_the_only_finding",
        "unbalanced HCL": "broken_hcl_is_a_syntax_error_where_it_opens",
        "unknown instruction": "parsing_of_a_dockerfile_goes_on_behind_an_error",
        "heredoc without end": "heredoc_without_an_end_is_a_syntax_error_at_its_place",
        "broken JSON": "what_is_not_json_is_a_syntax_error",
        "long numbers": "long_numbers_and_lone_surrogates_are_read",
        "source map that does not read": "source_map_that_does_not_read_is_still_a_leak",
        "findings a rule and file": "findings_of_one_rule_in_one_file_are_bounded_and_counted",
    },
    "test_reliability_growth.py": {"large inputs": "time_is_linear_in_the_input"},
    "test_reliability_files.py": {
        "unreadable file": "unreadable_file_is_named_found_or_given",
        "quota, EIO": "unreadable_file_is_named_found_or_given",
        "unreadable directory": "unreadable_directory_is_named",
        "vanishing file": "file_that_vanishes_is_dropped_unless_it_was_named",
        "changing file": "file_that_changed_since_it_was_judged_is_left_alone",
        "pipes and devices": "pipes_sockets_and_devices_are_never_opened",
        "endless file": "limit_of_reading_is_kept_when_a_file_grows",
        "link inside": "link_inside_the_root_is_judged_once",
        "link out": "link_out_of_the_root_is_followed_only_when_named",
        "loops": "links_to_directories_are_not_entered_and_loops_end",
        "hard links": "hard_links_are_each_judged",
        "names": "any_name_is_scanned_and_printed_escaped",
        "long path": "path_that_is_too_long_is_named",
        "read-only file system": "read_only_file_system_is_scanned_and_cannot_be_fixed",
        "full disk": "report_on_a_full_disk_gives_4_and_others_are_written",
        "no home": "no_home_directory_is_needed",
        "every failing call": "every_failing_call_of_a_fix_leaves_files_old_or_new",
        "temporary file that stays": "temporary_file_that_cannot_be_removed_is_no_crash",
        "interrupted write": "interrupt_at_any_call_of_a_fix_leaves_the_file_old_or_new",
        "never written": "files_of_tools_and_generated_ones_are_never_written",
        "form is kept": "form_of_a_file_is_kept",
        "fix twice": "fix_twice_is_fix_once",
        "private reports": "reports_that_tell_of_secrets_are_for_their_owner_alone",
    },
    "test_reliability_git.py": {
        "other owner": "repository_of_another_owner_is_walked_instead",
        "no git": "no_git_program_gives_the_same_findings",
        "bare": "bare_repository_has_no_files_to_check",
        "shallow": "shallow_clone_is_scanned_and_may_have_no_common_commit",
        "partial clone": "blob_that_git_does_not_hold_is_not_checked",
        "detached": "detached_head_is_scanned_and_compared",
        "unborn": "unborn_branch_is_scanned_and_has_nothing_to_compare_with",
        "submodules": "submodules_are_counted_and_not_entered",
        "worktrees": "linked_worktree_is_a_repository_of_its_own",
        "sparse": "files_outside_a_sparse_checkout_are_not_judged_and_not_missing",
        "conflicted index": "conflicted_index_is_scanned_and_staged_is_incomplete",
        "locked index": "index_that_is_locked_is_read",
        "LFS": "lfs_pointer_is_not_checked",
        "slow patterns": "patterns_to_ignore_that_are_made_to_be_slow_are_matched",
        "garbage": "git_that_prints_garbage_is_a_note_and_the_walk",
    },
    "test_gitignore.py": {"same as git": "paths_are_ignored_as_git_ignores_them"},
    "test_armed_repository.py": {"malicious configuration": "nothing_of_the_repository_runs"},
    "test_reliability_programs.py": {
        "missing": "missing_program_is_a_status_unless_it_was_asked_for",
        "old, hanging, crashing, garbage, flooding": (
            "misbehaving_program_hides_no_finding_and_makes_the_run_incomplete"
        ),
        "places outside": "program_that_names_places_outside_the_tree_changes_nothing",
        "program in the tree": "program_in_the_tree_is_not_started_whatever_path_says",
        "writes into the tree": "programs_leave_the_tree_as_it_was",
    },
    "test_terraform_program.py": {
        "fmt exit 2": "a_broken_file_does_not_hide_the_others",
        "needs init": "what_needs_init_is_a_status_and_no_finding",
        "text around JSON": "text_around_the_answer_is_passed_over",
        "inits at once": "inits_do_not_run_at_once",
    },
    "test_tools.py": {
        "child of a child": "a_child_that_outlives_its_program_ends_with_it",
        "asks a question": "a_program_gets_its_arguments_as_they_are_and_a_closed_stdin",
        "gigabytes": "output_over_the_limit_is_drained_and_is_no_answer",
    },
    "report/test_formats.py": {
        "injection": "no_planted_text_reaches_a_report_as_it_is",
        "any text": "any_text_in_any_field_gives_sound_reports",
    },
    "report/test_machine_formats.py": {"log": "commands_are_stopped_around_the_log"},
    "parse/test_archive.py": {
        "bomb": "a_bomb_stops_at_the_ratio_and_takes_no_memory",
        "leads out": "a_path_that_leads_out_is_told_and_skipped",
        "devices": "devices_pipes_and_unknown_types_are_told",
        "two names": "the_last_of_two_members_of_one_name_wins",
        "damage": "a_damaged_archive_never_looks_clean",
        "limits": "over_a_limit_is_told_with_its_name",
    },
    "test_reliability_processes.py": {
        "signal": "signal_ends_the_run_with_its_code_its_findings_and_no_programs",
        "second signal": "second_signal_ends_the_run_at_once",
        "no memory": "worker_without_memory_loses_only_its_file",
        "files and findings of a run": "run_over_its_limits_ends_with_a_hint",
        "ceilings": "memory_and_open_files_may_be_few",
    },
    "test_worker.py": {
        "worker dies": "job_that_kills_its_worker_is_named_and_the_others_are_judged",
        "worker hangs": "worker_that_hangs_is_killed",
        "no workers": "jobs_are_judged_here_where_no_process_can_be_started",
    },
    "test_cache.py": {
        "damaged cache": "damaged_cache_is_made_anew",
        "cache too large": "oldest_of_our_files_are_removed_once_a_day",
        "shared cache": "runs_that_race_on_one_tree_agree",
        "hostile folder": "folder_of_somebody_else_is_not_used",
        "clock": "times_that_may_still_change_tell_nothing",
    },
    "test_fix.py": {
        "link": "link_is_not_written_through",
        "outside": "file_outside_the_root_is_not_written",
        "two names": "file_with_two_names_keeps_both",
    },
    "test_endurance.py": {
        "killed": "killed_fixes_leave_every_file_old_or_new_and_can_be_completed",
        "together": "runs_that_share_a_tree_and_a_cache_say_the_same",
    },
    "test_mutants.py": {"mutants": "damaged_files_are_judged_or_named"},
    "test_network.py": {"no network": "processes_of_a_run_open_no_sockets"},
    "test_patterns.py": {"slow option": "pattern_that_takes_for_ever_is_over_the_limit_and_named"},
    "test_regexes.py": {"every pattern": "every_pattern_takes_linear_time"},
    "test_canary.py": {"secrets": "no_report_shows_a_secret"},
}


def test_every_row_has_its_test() -> None:
    for path, rows in ROWS.items():
        tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
        there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert {f"test_{name}" for name in rows.values()} <= there, path
