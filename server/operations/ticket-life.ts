/** How long a ticket may live: for clients too, which load no schemas. */

/** The longest and the usual life of a ticket, in seconds. */
export const maxTicketSeconds = 86_400
export const usualTicketSeconds = 60
