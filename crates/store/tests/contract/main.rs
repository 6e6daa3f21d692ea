//! The contract of [`Store`](guildhall_store::Store), told as stories. Each is run on all three stores, as
//! `memory::…`, `sqlite::…` and `postgres::…`; what only a database can do stands in
//! [`damage`] and [`hangers_on`], and what only several
//! servers on one PostgreSQL can do to one another in [`servers`].
//!
//! The stories on PostgreSQL start a server of their own and need its programs installed.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

mod appends;
mod blobs;
mod caches;
mod damage;
mod disk;
mod files;
mod given;
mod hangers_on;
mod houses;
mod jobs;
mod lists;
mod races;
mod reads;
mod receipts;
mod rows;
mod search;
mod servers;
mod snapshots;

/// Makes one test of each story and store.
macro_rules! on_every_store {
    ($($theme:ident { $($story:ident)+ })+) => {
        on_every_store! { @ memory $($theme { $($story)+ })+ }
        on_every_store! { @ sqlite $($theme { $($story)+ })+ }
        on_every_store! { @ postgres $($theme { $($story)+ })+ }
    };
    (@ $store:ident $($theme:ident { $($story:ident)+ })+) => {
        mod $store {
            $(mod $theme {
                $(#[test]
                fn $story() {
                    crate::houses::$store(crate::$theme::$story);
                })+
            })+
        }
    };
}

on_every_store! {
    appends {
        a_batch_is_read_back_as_it_was_written
        positions_have_no_gaps
        a_log_nobody_opened_does_not_exist
        opening_a_log_again_finds_it_as_it_is
        logs_are_listed_in_the_order_they_were_made
        a_batch_is_refused_if_the_log_has_moved_on
        batches_behind_one_another_are_appended_in_order
        no_batch_is_appended_behind_one_that_was_not
        a_batch_is_refused_if_the_log_ends_in_another_event
        a_batch_is_refused_if_the_log_began_a_new_life
        what_was_refused_leaves_nothing_behind
        a_batch_that_is_in_the_log_already_is_not_appended_twice
        large_bodies_come_back_whole
        the_largest_body_is_kept_and_a_larger_one_refused
        whoever_holds_the_lock_appends
        a_lock_given_up_lets_others_append
    }
    blobs {
        files_come_with_their_event_and_are_kept_once
        files_of_what_is_refused_are_not_kept
    }
    races {
        two_writers_taking_turns_at_every_step_lose_nothing
        four_writers_at_once_lose_nothing
        a_lost_answer_is_settled_by_appending_again
    }
    reads {
        a_page_ends_after_so_many_events
        a_page_ends_before_so_many_bytes
        a_page_has_one_event_at_least
        there_is_nothing_after_the_end
    }
    receipts {
        a_receipt_is_found_by_who_gave_the_key
        a_key_used_again_finds_the_newer_receipt
        old_receipts_are_forgotten
        a_key_may_be_any_text
    }
    jobs {
        a_job_is_claimed_when_it_is_due
        a_claimed_job_is_nobody_elses_until_the_lease_ends
        the_oldest_jobs_are_claimed_first
        a_job_scheduled_anew_while_claimed_is_not_finished
        a_job_no_longer_needed_is_gone
        of_several_changes_in_one_batch_the_last_counts
        the_next_job_is_found_behind_one_that_is_held
    }
    lists {
        a_list_is_read_from_either_end
        spans_begin_and_end_anywhere_in_what_was_written_together
        what_was_taken_out_of_turn_is_found_in_its_place
        lists_projected_anew_are_the_same_however_they_are_divided
        items_are_written_only_with_the_position_they_belong_to
        events_are_read_at_the_places_asked_for
    }
    rows {
        rows_are_found_by_key_and_listed_in_order
        a_row_written_again_keeps_its_place
        who_projects_from_elsewhere_writes_nothing
        a_row_may_be_written_twice_in_one_go
        a_key_may_be_any_text
        read_models_made_again_are_the_same
    }
    search {
        events_are_found_by_all_their_words_newest_first
        what_is_found_is_read_by_page
        two_logs_have_an_index_each
        an_index_is_moved_on_only_from_where_it_stands
        any_event_can_be_found_by_its_words
        every_store_finds_the_same
    }
    snapshots {
        the_newest_snapshot_is_kept
        snapshots_of_two_logs_are_two
    }
}
