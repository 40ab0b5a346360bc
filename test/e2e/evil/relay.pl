# Relays each connection to SOCKET over a process of its own, so that the keeper sees a fresh peer each time and can kill it.
#   relay.pl LISTEN SOCKET    says "ready" when it listens; ends with its standard input
use strict;
use warnings;
use Socket;

my ($listen, $target) = @ARGV;
$SIG{CHLD} = 'IGNORE';
socket(my $server, PF_UNIX, SOCK_STREAM, 0) or die $!;
bind($server, sockaddr_un($listen)) and listen($server, 64) or die $!;
syswrite(STDOUT, "ready\n");

sub relay {
    my ($client, $keeper) = @_;
    my %other = (fileno($client) => $keeper, fileno($keeper) => $client);
    while (%other) {
        my $wanted = '';
        vec($wanted, $_, 1) = 1 for keys %other;
        select($wanted, undef, undef, undef) > 0 or next;
        for my $from ($client, $keeper) {
            next unless exists $other{fileno $from} and vec($wanted, fileno $from, 1);
            my $to = $other{fileno $from};
            my $count = sysread($from, my $bytes, 65536);
            return if $from == $keeper and not $count;
            if (not $count) {
                # The client is done; what the keeper still says is heard.
                delete $other{fileno $from};
                shutdown($keeper, 1);
                next;
            }
            for (my $sent = 0; $sent < $count;) {
                $sent += syswrite($to, $bytes, $count - $sent, $sent) // return;
            }
        }
    }
}

while (1) {
    my $wanted = '';
    vec($wanted, fileno STDIN, 1) = 1;
    vec($wanted, fileno $server, 1) = 1;
    select($wanted, undef, undef, undef);
    exit if vec($wanted, fileno STDIN, 1);
    accept(my $client, $server) or next;
    if (not fork) {
        close STDIN;
        close $server;
        local $SIG{PIPE} = 'IGNORE';
        socket(my $keeper, PF_UNIX, SOCK_STREAM, 0);
        relay($client, $keeper) if connect($keeper, sockaddr_un($target));
        exit;
    }
}
