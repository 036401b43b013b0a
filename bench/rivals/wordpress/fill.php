<?php
// Creates a WordPress site with the posts and comments of SITE/posts.json: php fill.php SITE
$_SERVER['HTTP_HOST'] = 'ink.example';
$site = $argv[1];
$connection = new mysqli('localhost', 'root', '', '', 0, getenv('BENCH_SOCKET'));
$connection->query('CREATE DATABASE wordpress CHARACTER SET utf8mb4');
define('WP_INSTALLING', true);
require "$site/www/wp-load.php";
require ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_wp_mail', '__return_false');
wp_install('The Ink House', 'kim', 'k@x.example', true, '', 'a-long-password');
update_option('permalink_structure', '/posts/%postname%');
update_option('blogdescription', 'A blog that is measured');
$data = json_decode(file_get_contents("$site/posts.json"), true);
$ids = [];
$wpdb->query('SET autocommit = 0');
wp_defer_term_counting(true);
foreach ($data['posts'] as $post) {
    $ids[$post['id']] = wp_insert_post([
        'post_title' => $post['title'], 'post_name' => $post['slug'], 'post_content' => $post['body'],
        'post_status' => 'publish', 'post_author' => 1, 'comment_status' => 'open',
        'post_date_gmt' => substr($post['at'], 0, 19), 'post_date' => substr($post['at'], 0, 19),
        'tags_input' => explode(', ', $post['tags']),
    ]);
}
wp_defer_term_counting(false);
foreach ($data['comments'] as $reader_comment) {
    $wpdb->insert($wpdb->comments, [
        'comment_post_ID' => $ids[$reader_comment['post_id']], 'comment_author' => $reader_comment['name'],
        'comment_content' => $reader_comment['body'], 'comment_approved' => '1',
        'comment_date' => substr($reader_comment['at'], 0, 19), 'comment_date_gmt' => substr($reader_comment['at'], 0, 19),
    ]);
}
foreach (array_unique(array_column($data['comments'], 'post_id')) as $id) {
    wp_update_comment_count_now($ids[$id]);
}
flush_rewrite_rules();
$wpdb->query('COMMIT');
