<?php
$config = [
    'admin' => ['core:AdminPassword'],
    'people' => [
        'exampleauth:UserPass',
        'zoe:vq7-Torf-Lampe' => [
            'uid' => ['zoe'],
            'mail' => ['zoe@auditors.example'],
            'groups' => ['Prüfer & Co'],
        ],
    ],
];
